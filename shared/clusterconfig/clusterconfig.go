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
	"k8s.io/apimachinery/pkg/util/resourceversion"
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

// Taken is how it is recorded that k0s has taken the configuration with a fingerprint. Its verdict is an event, which is
// gone after an hour, and a condition does not survive a move.
func Taken(fingerprint string) string { return fingerprint + ":taken" }

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
	verdicts := slices.DeleteFunc(slices.Clone(events), func(event corev1.Event) bool {
		return verdictOf(event.Reason) == VerdictUnknown || happened(&event).Before(since.Truncate(time.Second))
	})
	if len(verdicts) == 0 {
		return Opinion{}
	}
	last := slices.MaxFunc(verdicts, inOrder)
	return Opinion{Verdict: verdictOf(last.Reason), Message: strings.TrimSpace(last.Message)}
}

// inOrder compares when events happened. Their times are full seconds, in which k0s can change its mind: then the one
// written last has the word.
func inOrder(a, b corev1.Event) int {
	if order := happened(&a).Truncate(time.Second).Compare(happened(&b).Truncate(time.Second)); order != 0 {
		return order
	}
	order, err := resourceversion.CompareResourceVersion(a.ResourceVersion, b.ResourceVersion)
	if err != nil {
		return 0 // Not of an API server.
	}
	return order
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
