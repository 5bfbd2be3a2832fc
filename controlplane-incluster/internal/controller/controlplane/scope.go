// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/child"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/desired"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/hosted"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/storage"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/k0sconfig"
	"github.com/k0smotron/k0smotron/shared/phase"
	"github.com/k0smotron/k0smotron/shared/pki"
)

// scope holds the facts of one pass. Phases add to it; the report reads it.
type scope struct {
	controlPlane *controlplanev1.K0smotronControlPlane
	cluster      *clusterv1.Cluster
	now          time.Time

	pairs    map[pki.Purpose]pki.Pair
	key      child.Key
	release  desired.Release
	service  *corev1.Service
	storage  storage.Backend
	endpoint desired.EndpointDecision
	ports    k0sconfig.Ports
	config   *corev1.Secret
	access   hosted.Access

	// etcdSet and podSet are the live StatefulSets; nil while there is none.
	etcdSet, podSet *appsv1.StatefulSet
	// pods are the control plane pods.
	pods []corev1.Pod
	// leaves are the certificates that run out first: their fingerprint restarts pods.
	leaves leaves
	// gathered tells that what exists was read; without it the report knows nothing.
	gathered bool
	// podsFailed tells that the pods could not be applied, which is in their condition then.
	podsFailed bool
	// wantedConfig is the Secret with the configuration as it was applied.
	wantedConfig *corev1.Secret
	// waiting are the parts for which a newer rendering waits.
	waiting []string
}

// leaves are what the report and the pods need to know about the certificates in use.
type leaves struct {
	etcdServer, placed string
	expiry             time.Time
}

func (l *leaves) expires(at time.Time) {
	if l.expiry.IsZero() || at.Before(l.expiry) {
		l.expiry = at
	}
}

func (s *scope) identity() child.Identity {
	return child.Identity{Namespace: s.controlPlane.Namespace, Cluster: s.cluster.Name}
}

func (s *scope) clusterKey() client.ObjectKey { return client.ObjectKeyFromObject(s.cluster) }

func (s *scope) object(name string) client.ObjectKey {
	return client.ObjectKey{Namespace: s.controlPlane.Namespace, Name: name}
}

// everInitialized tells whether the cluster has ever been up. The status alone does not decide: it is lost when objects
// are moved to another management cluster.
func (s *scope) everInitialized() bool {
	return s.controlPlane.Initialized() || contract.ControlPlaneInitialized(s.cluster) || s.podSet != nil
}

func notPaused(_ context.Context, s *scope) (phase.Outcome, error) {
	return contract.CheckPaused(s.cluster, s.controlPlane), nil
}

func (r *Reconciler) finalizerSet(ctx context.Context, s *scope) (phase.Outcome, error) {
	return phase.Continue(), r.Applier.EnsureFinalizer(ctx, s.controlPlane, controlplanev1.ControlPlaneFinalizer)
}

// childrenRead reads what exists and what the next phases judge by.
func (r *Reconciler) childrenRead(ctx context.Context, s *scope) (phase.Outcome, error) {
	names := desired.NamesOf(s.identity())
	podSet, config := &appsv1.StatefulSet{}, &corev1.Secret{}
	exists, err := lookup(ctx, r.Client, s.object(names.StatefulSet()), podSet)
	if err != nil {
		return phase.Outcome{}, err
	}
	if exists {
		s.podSet = podSet
	}
	exists, err = lookup(ctx, r.Client, s.object(names.ConfigSecret()), config)
	if err != nil {
		return phase.Outcome{}, err
	}
	if exists {
		s.config = config
	}
	pods := &corev1.PodList{}
	err = r.Client.List(ctx, pods, client.InNamespace(s.controlPlane.Namespace),
		client.MatchingLabels(s.identity().Selector(child.RoleControlPlane)))
	if err != nil {
		return phase.Outcome{}, fmt.Errorf("listing pods: %w", err)
	}
	s.pods, s.gathered = pods.Items, true
	return phase.Continue(), nil
}

func releaseKnown(_ context.Context, s *scope) (phase.Outcome, error) {
	release, err := desired.ReleaseOf(s.controlPlane.Spec.Version, s.controlPlane.Spec.Image)
	if err != nil {
		return phase.Outcome{}, phase.Failure(controlplanev1.InvalidConfigurationReason, err)
	}
	s.release = release
	return phase.Continue(), nil
}

// lookup reads an object and says whether there is one.
func lookup(ctx context.Context, reader client.Reader, key client.ObjectKey, object client.Object) (bool, error) {
	err := reader.Get(ctx, key, object)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("getting %T %s: %w", object, key.Name, err)
	}
	return true, nil
}

// found reads an object from the cache, and from the API server when the cache has none: somebody is about to create it.
func (r *Reconciler) found(ctx context.Context, key client.ObjectKey, object client.Object) (bool, error) {
	exists, err := lookup(ctx, r.Client, key, object)
	if exists || err != nil {
		return exists, err
	}
	return lookup(ctx, r.Live, key, object)
}
