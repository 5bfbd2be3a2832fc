// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clocktesting "k8s.io/utils/clock/testing"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// ClusterName is the name of the Cluster that factories make and refer to.
const ClusterName = "tiger"

// Kinds of the test infrastructure. They follow the contract and accept any field.
const (
	// InfraMachineKind is an infrastructure Machine.
	InfraMachineKind = "TestMachine"
	// InfraMachineTemplateKind is its template.
	InfraMachineTemplateKind = "TestMachineTemplate"
	// InfraClusterKind is an infrastructure Cluster.
	InfraClusterKind = "TestCluster"
)

// InfraGroupVersion is the API of the test infrastructure.
var InfraGroupVersion = schema.GroupVersion{Group: "infrastructure.cluster.x-k8s.io", Version: "v1beta2"}

// Now is the time at which tests start.
var Now = time.Date(2030, time.January, 1, 12, 0, 0, 0, time.UTC)

// Clock is a clock that stands at Now until it is moved.
func Clock() *clocktesting.FakeClock { return clocktesting.NewFakeClock(Now) }

// Cluster is a Cluster named ClusterName without endpoint, not yet initialized; overrides state what matters to the test.
func Cluster(namespace string, overrides ...func(*clusterv1.Cluster)) *clusterv1.Cluster {
	cluster := &clusterv1.Cluster{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: ClusterName},
		Spec: clusterv1.ClusterSpec{
			InfrastructureRef: clusterv1.ContractVersionedObjectReference{
				APIGroup: InfraGroupVersion.Group, Kind: InfraClusterKind, Name: ClusterName,
			},
		},
	}
	return override(cluster, overrides)
}

// Initialized is an override: the control plane is initialized and reachable at the endpoint.
func Initialized(host string, port int32) func(*clusterv1.Cluster) {
	return func(cluster *clusterv1.Cluster) {
		cluster.Spec.ControlPlaneEndpoint = clusterv1.APIEndpoint{Host: host, Port: port}
		cluster.Status.Initialization.ControlPlaneInitialized = new(true)
		cluster.Status.Initialization.InfrastructureProvisioned = new(true)
	}
}

// Paused is an override: Cluster.spec.paused is set.
func Paused(cluster *clusterv1.Cluster) { cluster.Spec.Paused = new(true) }

// Machine is a Machine of the Cluster with test infrastructure of the same name.
func Machine(namespace, name string, overrides ...func(*clusterv1.Machine)) *clusterv1.Machine {
	machine := &clusterv1.Machine{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name,
			Labels: map[string]string{clusterv1.ClusterNameLabel: ClusterName},
		},
		Spec: clusterv1.MachineSpec{
			ClusterName: ClusterName,
			Bootstrap:   clusterv1.Bootstrap{DataSecretName: new(name)},
			InfrastructureRef: clusterv1.ContractVersionedObjectReference{
				APIGroup: InfraGroupVersion.Group, Kind: InfraMachineKind, Name: name,
			},
		},
	}
	return override(machine, overrides)
}

// BootstrappedBy is an override: the Machine refers to a bootstrap config instead of a data Secret.
func BootstrappedBy(kind, name string) func(*clusterv1.Machine) {
	return func(machine *clusterv1.Machine) {
		machine.Spec.Bootstrap = clusterv1.Bootstrap{ConfigRef: clusterv1.ContractVersionedObjectReference{
			APIGroup: "bootstrap.cluster.x-k8s.io", Kind: kind, Name: name,
		}}
	}
}

// Secret is a Secret that belongs to the Cluster.
func Secret(namespace, name string, data map[string]string) *corev1.Secret {
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name,
			Labels: map[string]string{clusterv1.ClusterNameLabel: ClusterName},
		},
		Type: clusterv1.ClusterSecretType,
		Data: make(map[string][]byte, len(data)),
	}
	for key, value := range data {
		secret.Data[key] = []byte(value)
	}
	return secret
}

// InfraMachine is the test infrastructure of a Machine; an empty providerID is left out.
func InfraMachine(namespace, name, providerID string) *unstructured.Unstructured {
	machine := infra(InfraMachineKind, namespace, name)
	if providerID != "" {
		machine.Object["spec"] = map[string]any{"providerID": providerID}
		machine.Object["status"] = map[string]any{"initialization": map[string]any{"provisioned": true}}
	}
	return machine
}

// InfraCluster is the test infrastructure of the Cluster.
func InfraCluster(namespace string) *unstructured.Unstructured {
	return infra(InfraClusterKind, namespace, ClusterName)
}

// InfraMachineTemplate is a template of test infrastructure with the given spec of its machines.
func InfraMachineTemplate(namespace, name string, machineSpec map[string]any) *unstructured.Unstructured {
	template := infra(InfraMachineTemplateKind, namespace, name)
	template.Object["spec"] = map[string]any{"template": map[string]any{"spec": machineSpec}}
	return template
}

func infra(kind, namespace, name string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{}}
	object.SetGroupVersionKind(InfraGroupVersion.WithKind(kind))
	object.SetNamespace(namespace)
	object.SetName(name)
	object.SetLabels(map[string]string{clusterv1.ClusterNameLabel: ClusterName})
	return object
}

// OwnedBy makes owner an owner of object, as core does with Machines and bootstrap configs. owner needs a UID.
func OwnedBy[O client.Object](object O, owner client.Object, gvk schema.GroupVersionKind) O {
	object.SetOwnerReferences(append(object.GetOwnerReferences(), metav1.OwnerReference{
		APIVersion: gvk.GroupVersion().String(), Kind: gvk.Kind, Name: owner.GetName(), UID: owner.GetUID(),
	}))
	return object
}

// InfrastructureCRDs are the CRDs of the test infrastructure.
func InfrastructureCRDs() []*apiextensionsv1.CustomResourceDefinition {
	return []*apiextensionsv1.CustomResourceDefinition{
		infraCRD(InfraMachineKind, "testmachines"),
		infraCRD(InfraMachineTemplateKind, "testmachinetemplates"),
		infraCRD(InfraClusterKind, "testclusters"),
	}
}

func infraCRD(kind, plural string) *apiextensionsv1.CustomResourceDefinition {
	open := new(true)
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{
			Name:   plural + "." + InfraGroupVersion.Group,
			Labels: map[string]string{"cluster.x-k8s.io/v1beta2": InfraGroupVersion.Version},
		},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: InfraGroupVersion.Group,
			Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Kind: kind, ListKind: kind + "List", Plural: plural},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: InfraGroupVersion.Version, Served: true, Storage: true,
				Subresources: &apiextensionsv1.CustomResourceSubresources{
					Status: &apiextensionsv1.CustomResourceSubresourceStatus{},
				},
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
					Type:                   "object",
					XPreserveUnknownFields: open,
				}},
			}},
		},
	}
}

func override[T any](object *T, overrides []func(*T)) *T {
	for _, f := range overrides {
		f(object)
	}
	return object
}
