// SPDX-License-Identifier: Apache-2.0

// Package clusterconfig writes the cluster-wide configuration of a running k0s cluster, the ClusterConfig
// kube-system/k0s, and reads what k0s says about it.
package clusterconfig

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/shared/apply"
)

// Where k0s keeps the cluster-wide configuration.
const (
	configName      = "k0s"
	configNamespace = "kube-system"
	configKind      = "ClusterConfig"

	reasonReconciled    = "SuccessfulReconcile"
	reasonNotReconciled = "FailedReconciling"
)

// Verdict is what k0s says about its configuration.
type Verdict string

const (
	// VerdictUnknown means that it has said nothing yet.
	VerdictUnknown Verdict = ""
	// VerdictReconciled means that it is in effect.
	VerdictReconciled Verdict = "Reconciled"
	// VerdictRefused means that it is not.
	VerdictRefused Verdict = "Refused"
)

// Opinion is a verdict with what k0s says about it.
type Opinion struct {
	// Verdict is the verdict.
	Verdict Verdict
	// Message is k0s's own text.
	Message string
}

// Access is a running cluster.
type Access struct {
	// Client reads and writes the cluster, without a cache: who owns which field must be seen as it is.
	Client client.Client
	// FieldOwner is the name under which the configuration is applied.
	FieldOwner string
}

// Apply applies the cluster-wide configuration: fields that are no longer in it are removed again. It answers false while
// k0s does not serve its kind yet.
func (a Access) Apply(ctx context.Context, config *unstructured.Unstructured) (bool, error) {
	err := a.ownAlone(ctx, config)
	if err == nil {
		err = apply.New(a.Client, a.FieldOwner).Apply(ctx, nil, config.DeepCopy())
	}
	if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("applying the cluster-wide configuration: %w", err)
	}
	return true, nil
}

// Opinion tells what k0s says about the configuration that we applied last.
func (a Access) Opinion(ctx context.Context, group schema.GroupVersion) (Opinion, error) {
	config := &unstructured.Unstructured{}
	config.SetGroupVersionKind(group.WithKind(configKind))
	key := client.ObjectKey{Namespace: configNamespace, Name: configName}
	if err := a.Client.Get(ctx, key, config); err != nil {
		return Opinion{}, fmt.Errorf("getting ClusterConfig %s: %w", key, err)
	}
	events := &corev1.EventList{}
	err := a.Client.List(ctx, events, client.InNamespace(configNamespace),
		client.MatchingFields{"involvedObject.kind": configKind, "involvedObject.name": configName})
	if err != nil {
		return Opinion{}, fmt.Errorf("listing events of ClusterConfig %s: %w", key, err)
	}
	return latest(events.Items, lastWrite(config, a.FieldOwner)), nil
}

// lastWrite is when a field owner last changed an object.
func lastWrite(object client.Object, fieldOwner string) time.Time {
	var last time.Time
	for _, entry := range object.GetManagedFields() {
		if entry.Manager == fieldOwner && entry.Time != nil && entry.Time.After(last) {
			last = entry.Time.Time
		}
	}
	return last
}

// latest is the newest verdict that is not older than since.
func latest(events []corev1.Event, since time.Time) Opinion {
	var (
		opinion Opinion
		newest  = since.Truncate(time.Second)
	)
	for i := range events {
		verdict := verdictOf(events[i].Reason)
		at := happened(&events[i])
		if verdict == VerdictUnknown || at.Before(newest) {
			continue
		}
		newest = at
		opinion = Opinion{Verdict: verdict, Message: strings.TrimSpace(events[i].Message)}
	}
	return opinion
}

func verdictOf(reason string) Verdict {
	switch reason {
	case reasonReconciled:
		return VerdictReconciled
	case reasonNotReconciled:
		return VerdictRefused
	default:
		return VerdictUnknown
	}
}

// happened is the last time of an event, whichever of the two event interfaces wrote it.
func happened(event *corev1.Event) time.Time {
	times := []time.Time{event.LastTimestamp.Time, event.EventTime.Time}
	if event.Series != nil {
		times = append(times, event.Series.LastObservedTime.Time)
	}
	last := slices.MaxFunc(times, time.Time.Compare)
	if last.IsZero() {
		return event.CreationTimestamp.Time
	}
	return last
}
