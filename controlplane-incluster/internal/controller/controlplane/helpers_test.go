// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"context"
	"errors"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/desired"
)

func quantity(text string) resource.Quantity { return resource.MustParse(text) }

func inNamespace(w *world) client.ListOption { return client.InNamespace(w.namespace) }

// versions are the resource versions of everything in the namespace: equal means that nothing was written.
func (w *world) versions() map[string]string {
	w.t.Helper()
	versions := map[string]string{}
	for _, list := range []client.ObjectList{
		&controlplanev1.K0smotronControlPlaneList{}, &corev1.SecretList{}, &corev1.ServiceList{}, &appsv1.StatefulSetList{},
		&policyv1.PodDisruptionBudgetList{}, &corev1.ConfigMapList{}, &corev1.PodList{},
	} {
		require.NoError(w.t, env.Client.List(w.t.Context(), list, inNamespace(w)))
		require.NoError(w.t, meta.EachListItem(list, func(item runtime.Object) error {
			object, err := meta.Accessor(item)
			if err == nil {
				versions[kindOf(list)+object.GetName()] = object.GetResourceVersion()
			}
			return err
		}))
	}
	return versions
}

func kindOf(list client.ObjectList) string {
	gvks, _, err := env.Scheme.ObjectKinds(list)
	if err != nil {
		return err.Error()
	}
	return gvks[0].Kind + "/"
}

func (w *world) serviceName() string { return desired.NamesOf(w.identity()).Service() }

// node makes a node of the management cluster.
func (w *world) node(name, ip string, ready corev1.ConditionStatus) *corev1.Node {
	w.t.Helper()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	require.NoError(w.t, env.Client.Create(w.t.Context(), node))
	w.t.Cleanup(func() { _ = env.Client.Delete(context.Background(), node) })
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: ip}}
	w.setReady(node, ready)
	return node
}

func (w *world) setReady(node *corev1.Node, ready corev1.ConditionStatus) {
	w.t.Helper()
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: ready}}
	require.NoError(w.t, env.Client.Status().Update(w.t.Context(), node))
}

// failing is a client whose writes of one kind fail.
func failing(kind string) client.Client {
	refuse := func(object runtime.Object) error {
		gvk, err := apiutil.GVKForObject(object, env.Scheme)
		if err == nil && gvk.Kind == kind {
			return errors.New("out of order")
		}
		return nil
	}
	return interceptor.NewClient(env.Client, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.CreateOption) error {
			if err := refuse(object); err != nil {
				return err
			}
			return c.Create(ctx, object, options...)
		},
		Apply: func(ctx context.Context, c client.WithWatch, object runtime.ApplyConfiguration, options ...client.ApplyOption) error {
			if kinded, ok := object.(interface{ GetKind() string }); ok && kinded.GetKind() == kind {
				return errors.New("out of order")
			}
			return c.Apply(ctx, object, options...)
		},
	})
}
