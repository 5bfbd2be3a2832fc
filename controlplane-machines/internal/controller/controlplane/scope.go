// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/contact"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/desired"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/rollout"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/phase"
	"github.com/k0smotron/k0smotron/shared/pki"
)

// scope holds the facts of one pass. Phases add to it; the report reads it.
type scope struct {
	controlPlane *controlplanev1.K0sControlPlane
	cluster      *clusterv1.Cluster
	now          time.Time

	// machines are ours, infrastructure and configs are what bears their names or is half-made.
	machines       []*clusterv1.Machine
	infrastructure []*unstructured.Unstructured
	configs        []*bootstrapv1.K0sControllerConfig
	// configNames are the configs by name where they cannot be read.
	configNames []metav1.PartialObjectMetadata
	// gathered tells that what exists was read; without it the report knows nothing.
	gathered bool

	// template is what infrastructure is cloned from; nil when it is missing, or not needed.
	template *unstructured.Unstructured
	// workers counts who still needs a control plane that is being deleted.
	workers int
	// pairs are the certificates; nil while one is missing or not good.
	pairs         map[pki.Purpose]pki.Pair
	learners      desired.MaxLearners
	configuration desired.Configuration
	access        contact.Access

	// connection leads into the workload cluster; empty when there is no way.
	connection contact.Connection
	// k0s is what k0s has written; nil when the workload cluster did not answer.
	k0s    *k0snode.Objects
	report k0snode.Report

	// trouble is what keeps Machines from being made; while there is any, none is replaced.
	trouble []string
	// failure is the error that ended the pass, where no condition of its own tells it.
	failure string
	// action is what the pass has decided, if it came so far.
	action rollout.Action
	// after is when to look again at the latest; zero when only events matter.
	after time.Duration
}

func (s *scope) clusterKey() client.ObjectKey { return client.ObjectKeyFromObject(s.cluster) }

func (s *scope) object(name string) client.ObjectKey {
	return client.ObjectKey{Namespace: s.controlPlane.Namespace, Name: name}
}

func (s *scope) facts() desired.Facts {
	return desired.Facts{Cluster: s.cluster, ControlPlane: s.controlPlane}
}

func (s *scope) deleting() bool { return !s.controlPlane.DeletionTimestamp.IsZero() }

// everInitialized tells whether the cluster has ever been up. The status alone does not decide: it is lost when objects
// are moved to another management cluster. A Machine that has its bootstrap data has the certificates by heart.
func (s *scope) everInitialized() bool {
	if s.controlPlane.Initialized() || contract.ControlPlaneInitialized(s.cluster) {
		return true
	}
	for _, machine := range s.machines {
		if machine.Spec.Bootstrap.DataSecretName != nil {
			return true
		}
	}
	return false
}

// lookAfter asks for another pass, in addition to what events start.
func (s *scope) lookAfter(after time.Duration) {
	if after > 0 && (s.after == 0 || after < s.after) {
		s.after = after
	}
}

// soonest is the result of the pass with what the phases before its end have asked for.
func (s *scope) soonest(result ctrl.Result) ctrl.Result {
	s.lookAfter(result.RequeueAfter)
	return ctrl.Result{RequeueAfter: s.after}
}

// clusterFound waits for the owner. Without its Cluster a control plane can only be deleted.
func (r *Reconciler) clusterFound(ctx context.Context, s *scope) (phase.Outcome, error) {
	cluster, err := contract.OwnerCluster(ctx, r.Client, s.controlPlane)
	if _, missing := errors.AsType[*phase.WaitError](err); missing && s.deleting() {
		cluster, err = lostCluster(s.controlPlane), nil
	}
	if err != nil {
		return phase.Outcome{}, err
	}
	s.cluster = cluster
	return phase.Continue(), nil
}

// lostCluster stands for a Cluster that is gone: its name is all that is needed to clean up behind it.
func lostCluster(controlPlane *controlplanev1.K0sControlPlane) *clusterv1.Cluster {
	cluster := &clusterv1.Cluster{}
	cluster.Namespace = controlPlane.Namespace
	cluster.Name = controlPlane.Labels[clusterv1.ClusterNameLabel]
	for _, owner := range controlPlane.OwnerReferences {
		if owner.Kind == clusterv1.ClusterKind {
			cluster.Name = cmp.Or(cluster.Name, owner.Name)
		}
	}
	return cluster
}

func notPaused(_ context.Context, s *scope) (phase.Outcome, error) {
	return contract.CheckPaused(s.cluster, s.controlPlane), nil
}

// finalizerSet ends the pass that sets the finalizer, as Cluster API's own controllers do: the change starts the next one.
func (r *Reconciler) finalizerSet(ctx context.Context, s *scope) (phase.Outcome, error) {
	if s.deleting() || controllerutil.ContainsFinalizer(s.controlPlane, controlplanev1.ControlPlaneFinalizer) {
		return phase.Continue(), nil
	}
	return phase.Done(), r.Applier.EnsureFinalizer(ctx, s.controlPlane, controlplanev1.ControlPlaneFinalizer)
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
