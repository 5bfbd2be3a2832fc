// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
)

const configCRD = "k0scontrollerconfigs.bootstrap.cluster.x-k8s.io"

// definitionSeen shows the definition of configs otherwise than it is; nil means that there is none.
func definitionSeen(change func(*metav1.PartialObjectMetadata) bool) client.WithWatch {
	return interceptor.NewClient(env.Client, interceptor.Funcs{Get: func(
		ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption,
	) error {
		err := c.Get(ctx, key, object, options...)
		crd, isMetadata := object.(*metav1.PartialObjectMetadata)
		if err == nil && isMetadata && key.Name == configCRD && !change(crd) {
			return apierrors.NewNotFound(schema.GroupResource{Resource: "customresourcedefinitions"}, key.Name)
		}
		return err
	}})
}

// TestBootstrapProvider: without it, or with another one, that is told and nothing is made; a deletion does not need it.
func TestBootstrapProvider(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change  func(*metav1.PartialObjectMetadata) bool
		message string
	}{
		"Missing": {
			change: func(*metav1.PartialObjectMetadata) bool { return false }, message: "clusterctl init --bootstrap k0smotron",
		},
		"Foreign": {
			change: func(crd *metav1.PartialObjectMetadata) bool {
				crd.Labels[clusterv1.ProviderNameLabel] = "bootstrap-k0sproject-k0smotron"
				return true
			},
			message: "bootstrap-k0sproject-k0smotron",
		},
		"Older": {
			change: func(crd *metav1.PartialObjectMetadata) bool {
				delete(crd.Labels, "cluster.x-k8s.io/v1beta2")
				return true
			},
			message: "clusterctl upgrade",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.reconciler = w.newReconciler(definitionSeen(tc.change))
			w.reconcile()
			w.reconcile()
			condition := w.is(controlplanev1.BootstrapProviderReadyCondition, metav1.ConditionFalse)
			assert.Contains(t, condition.Message, tc.message)
			assert.Empty(t, w.names())

			w.reconciler = w.newReconciler(env.Client)
			w.settled()
			w.is(controlplanev1.BootstrapProviderReadyCondition, metav1.ConditionTrue)
			w.reconciler = w.newReconciler(definitionSeen(tc.change))
			require.NoError(t, env.Client.Delete(t.Context(), w.controlPlane))
			w.endsNow()
		})
	}
}

// TestBootstrapProviderRefuses: a field that the installed provider does not know is told, and heals.
func TestBootstrapProviderRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var refuses atomic.Bool
	refuses.Store(true)
	w.reconciler = w.newReconciler(interceptor.NewClient(env.Client, interceptor.Funcs{Apply: func(
		ctx context.Context, c client.WithWatch, object runtime.ApplyConfiguration, options ...client.ApplyOption,
	) error {
		named, ok := object.(interface{ GetKind() string })
		if ok && named.GetKind() == "K0sControllerConfig" && refuses.Load() {
			return errors.New(`failed to create typed patch object: .spec.args: field not declared in schema`)
		}
		return c.Apply(ctx, object, options...)
	}}))
	w.reconcile()
	_, err := w.tryReconcile()
	require.Error(t, err)
	assert.Contains(t, w.is(controlplanev1.BootstrapProviderReadyCondition, metav1.ConditionFalse).Message, "upgrade it")
	assert.Empty(t, w.names(), "the Machine comes last")
	refuses.Store(false)
	w.settled()
	w.is(controlplanev1.BootstrapProviderReadyCondition, metav1.ConditionTrue)
}
