// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"maps"
	"strings"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

func equalMaps(a, b map[string]string) bool { return maps.Equal(a, b) }

// versions are the resource versions of everything in the namespace: equal means that nothing was written.
func (w *world) versions() map[string]string {
	w.t.Helper()
	versions := map[string]string{}
	for _, list := range []client.ObjectList{
		&controlplanev1.K0sControlPlaneList{}, &corev1.SecretList{}, &clusterv1.MachineList{}, &clusterv1.ClusterList{},
		&bootstrapv1.K0sControllerConfigList{}, infrastructureList(testenv.InfraMachineKind),
		infrastructureList(testenv.InfraMachineTemplateKind),
	} {
		require.NoError(w.t, env.Client.List(w.t.Context(), list, client.InNamespace(w.namespace)))
		require.NoError(w.t, meta.EachListItem(list, func(item runtime.Object) error {
			object, err := meta.Accessor(item)
			if err == nil {
				versions[kindOf(list)+"/"+object.GetName()] = object.GetResourceVersion()
			}
			return err
		}))
	}
	return versions
}

func infrastructureList(kind string) *unstructured.UnstructuredList {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(testenv.InfraGroupVersion.WithKind(kind + "List"))
	return list
}

func kindOf(list client.ObjectList) string {
	if objects, ok := list.(*unstructured.UnstructuredList); ok {
		return objects.GetKind()
	}
	kinds, _, err := env.Scheme.ObjectKinds(list)
	if err != nil {
		return err.Error()
	}
	return kinds[0].Kind
}

// machines are the Machines that exist, oldest first.
func (w *world) machines() []clusterv1.Machine {
	w.t.Helper()
	list := &clusterv1.MachineList{}
	require.NoError(w.t, env.Client.List(w.t.Context(), list, client.InNamespace(w.namespace),
		client.HasLabels{clusterv1.MachineControlPlaneLabel}))
	return list.Items
}

func (w *world) names() []string {
	w.t.Helper()
	names := make([]string, 0)
	for _, machine := range w.machines() {
		names = append(names, machine.Name)
	}
	return names
}

// get reads an object by name.
func get[T client.Object](w *world, name string, object T) T {
	w.t.Helper()
	key := client.ObjectKey{Namespace: w.namespace, Name: name}
	require.NoError(w.t, env.Client.Get(w.t.Context(), key, object))
	return object
}

func (w *world) infrastructure(name string) *unstructured.Unstructured {
	w.t.Helper()
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(testenv.InfraGroupVersion.WithKind(testenv.InfraMachineKind))
	return get(w, name, object)
}

// is checks a condition and returns it.
func (w *world) is(conditionType string, status metav1.ConditionStatus) metav1.Condition {
	w.t.Helper()
	condition := w.condition(conditionType)
	require.Equal(w.t, status, condition.Status, "%s", w.conditions())
	return condition
}

func (w *world) condition(conditionType string) metav1.Condition {
	w.t.Helper()
	condition := meta.FindStatusCondition(w.controlPlane.Status.Conditions, conditionType)
	require.NotNil(w.t, condition, "%s of %s", conditionType, w.conditions())
	return *condition
}

func (w *world) conditions() string {
	lines := make([]string, 0, len(w.controlPlane.Status.Conditions))
	for _, c := range w.controlPlane.Status.Conditions {
		lines = append(lines, c.Type+"="+string(c.Status)+" "+c.Reason+": "+c.Message)
	}
	return "\n" + strings.Join(lines, "\n")
}

// change updates the spec as a user would.
func (w *world) change(mutate func(*controlplanev1.K0sControlPlane)) {
	w.t.Helper()
	env.Change(w.t, w.controlPlane, func() { mutate(w.controlPlane) })
}

// gone tells whether an object does not exist any more.
func (w *world) gone(object client.Object) bool {
	w.t.Helper()
	err := env.Client.Get(w.t.Context(), client.ObjectKeyFromObject(object), object)
	require.NoError(w.t, client.IgnoreNotFound(err))
	return err != nil
}
