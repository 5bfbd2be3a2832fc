// SPDX-License-Identifier: Apache-2.0

package v1beta2

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
)

// ServiceType is how the control plane is reached from outside of its pods.
// +kubebuilder:validation:Enum=ClusterIP;NodePort;LoadBalancer
type ServiceType string

// The service types.
const (
	// ServiceTypeClusterIP serves machines in the same network as the management cluster.
	ServiceTypeClusterIP ServiceType = "ClusterIP"
	// ServiceTypeNodePort opens ports on every node of the management cluster.
	ServiceTypeNodePort ServiceType = "NodePort"
	// ServiceTypeLoadBalancer asks the management cluster for an address.
	ServiceTypeLoadBalancer ServiceType = "LoadBalancer"
)

// StorageType is where the API server keeps its data.
// +kubebuilder:validation:Enum=etcd;kine
type StorageType string

// The storage types.
const (
	// StorageTypeEtcd is an etcd run by this provider on a PersistentVolumeClaim.
	StorageTypeEtcd StorageType = "etcd"
	// StorageTypeKine is a database reached through kine.
	StorageTypeKine StorageType = "kine"
)

// PersistenceType is where k0s keeps its own files. None of them is needed to rebuild the control plane.
// +kubebuilder:validation:Enum=emptyDir;hostPath;pvc
type PersistenceType string

// The persistence types.
const (
	// PersistenceTypeEmptyDir is a directory that goes with the pod.
	PersistenceTypeEmptyDir PersistenceType = "emptyDir"
	// PersistenceTypeHostPath is a directory of the node.
	PersistenceTypeHostPath PersistenceType = "hostPath"
	// PersistenceTypePVC is a PersistentVolumeClaim of the pod.
	PersistenceTypePVC PersistenceType = "pvc"
)

// KineDataSourceKey is the key of the Secret named by storage.kine.dataSourceSecretName.
const KineDataSourceKey = "K0SMOTRON_KINE_DATASOURCE_URL"

// ControlPlaneSettings are the settings that a K0smotronControlPlane and its template share.
//
// +kubebuilder:validation:XValidation:rule="(has(self.storage) && has(self.storage.type) ? self.storage.type : 'etcd') == (has(oldSelf.storage) && has(oldSelf.storage.type) ? oldSelf.storage.type : 'etcd')",message="storage.type is immutable: data is not carried over; to change it create a new Cluster with the wished storage and move the workload, or restore a backup into it",fieldPath=".storage"
// +kubebuilder:validation:XValidation:rule="(has(self.persistence) && has(self.persistence.type) ? self.persistence.type : 'emptyDir') == (has(oldSelf.persistence) && has(oldSelf.persistence.type) ? oldSelf.persistence.type : 'emptyDir')",message="persistence.type is immutable: the volume of a running control plane cannot be exchanged; create a new Cluster with the wished persistence and move the workload",fieldPath=".persistence"
// +kubebuilder:validation:XValidation:rule=`(has(self.storage) && has(self.storage.etcd) && has(self.storage.etcd.persistence) && has(self.storage.etcd.persistence.storageClass) ? self.storage.etcd.persistence.storageClass : "") == (has(oldSelf.storage) && has(oldSelf.storage.etcd) && has(oldSelf.storage.etcd.persistence) && has(oldSelf.storage.etcd.persistence.storageClass) ? oldSelf.storage.etcd.persistence.storageClass : "")`,message="storage.etcd.persistence.storageClass is immutable: the data is on a volume of the old class; restore a backup into a new Cluster",fieldPath=".storage"
// +kubebuilder:validation:XValidation:rule="(has(self.storage) && has(self.storage.etcd) && has(self.storage.etcd.persistence) && has(self.storage.etcd.persistence.size)) == (has(oldSelf.storage) && has(oldSelf.storage.etcd) && has(oldSelf.storage.etcd.persistence) && has(oldSelf.storage.etcd.persistence.size))",message="storage.etcd.persistence.size is immutable: to grow, edit the PersistentVolumeClaim if its StorageClass allows expansion",fieldPath=".storage"
// +kubebuilder:validation:XValidation:rule=`(has(self.service) && has(self.service.type) ? self.service.type : "") != 'LoadBalancer' || (has(oldSelf.service) && has(oldSelf.service.type) ? oldSelf.service.type : "") != 'LoadBalancer' || (has(self.service) && has(self.service.loadBalancerClass) ? self.service.loadBalancerClass : "") == (has(oldSelf.service) && has(oldSelf.service.loadBalancerClass) ? oldSelf.service.loadBalancerClass : "")`,message="service.loadBalancerClass is immutable: Kubernetes hands a Service to one load balancer for life; create a new Cluster",fieldPath=".service"
type ControlPlaneSettings struct {
	// image is the k0s image: a repository, to which the tag of version is added, or repository:tag with another k0s
	// build of the same vX.Y.Z. Unset means ghcr.io/k0sproject/k0s.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="!self.contains('@')",message="image must not hold a digest: write repository or repository:tag"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^.+:[^/]*$') || self.matches(':v1[.][0-9]{1,3}[.][0-9]{1,3}-k0s[.][0-9]{1,4}$')",message="image has a tag that names no k0s build: write repository alone, or a tag like v1.36.3-k0s.2"
	Image string `json:"image,omitempty"`

	// service says how the control plane is reached.
	// +optional
	Service ServiceSpec `json:"service,omitempty,omitzero"`

	// externalAddress is the wished address of the API server, host or host:port, when the Service does not give it:
	// a DNS name, or a load balancer made by hand. It leads to the endpoint of the Cluster and is in the certificate.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=260
	// +kubebuilder:validation:XValidation:rule="!self.contains('/')",message="externalAddress must be host or host:port, without scheme and path"
	// +kubebuilder:validation:XValidation:rule="self.contains('/') || self.matches('^([A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?|[[][0-9A-Fa-f:.]+[]])(:[0-9]{1,5})?$') || self.matches('^[0-9A-Fa-f:]+$')",message="externalAddress must be a DNS name or an IP address, with an optional port; an IPv6 address with a port is written [address]:port"
	ExternalAddress string `json:"externalAddress,omitempty"`

	// storage says where the API server keeps its data. Unset means an etcd run by this provider.
	// +optional
	Storage StorageSpec `json:"storage,omitempty,omitzero"`

	// k0sConfig is a k0s ClusterConfig (apiVersion k0s.k0sproject.io/v1beta1) whose values are kept. Addresses,
	// ports, storage and the ranges of the Cluster are filled in; a value that contradicts them is refused.
	// Node-local values restart the pod, cluster-wide values are applied to the running cluster.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	K0sConfig runtime.RawExtension `json:"k0sConfig,omitempty,omitzero"`

	// persistence says where k0s keeps its own files. Unset means emptyDir.
	// +optional
	Persistence PersistenceSpec `json:"persistence,omitempty,omitzero"`

	// resources are the resources of the k0s container.
	// +optional
	Resources corev1.ResourceRequirements `json:"resources,omitempty,omitzero"`

	// controlPlaneFlags are more flags of k0s controller, one --flag or --flag=value each. Flags that a field sets or
	// that this provider needs are refused. --disable-components adds to the components that are always disabled.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=4096
	// +kubebuilder:validation:XValidation:rule="self.all(f, f.matches('^--[a-z][-a-z0-9]*(=.*)?$'))",message="controlPlaneFlags must be written --flag or --flag=value, one each"
	// +kubebuilder:validation:XValidation:rule="self.all(f, !f.matches('^--(config|data-dir|status-socket|enable-dynamic-config|token-file|init-only)(=.*)?$'))",message="controlPlaneFlags must not repeat --config, --data-dir, --status-socket, --enable-dynamic-config, --token-file or --init-only: this provider sets them; use k0sConfig for configuration"
	// +kubebuilder:validation:XValidation:rule="self.all(f, !f.matches('^--(enable-worker|no-taints|single|profile|labels|taints|kubelet-extra-args|kubelet-root-dir|cri-socket|iptables-mode)(=.*)?$'))",message="controlPlaneFlags must not make a worker of the control plane: pods of the workload run on Machines"
	ControlPlaneFlags []string `json:"controlPlaneFlags,omitempty"`
}

// ServiceSpec describes the Service in front of the control plane pods.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.apiPort) || !has(self.konnectivityPort) || self.apiPort != self.konnectivityPort",message="service.apiPort and service.konnectivityPort must differ",fieldPath=".konnectivityPort"
// +kubebuilder:validation:XValidation:rule="!has(self.loadBalancerClass) || (has(self.type) && self.type == 'LoadBalancer')",message="service.loadBalancerClass needs service.type LoadBalancer",fieldPath=".loadBalancerClass"
type ServiceSpec struct {
	// type is the type of the Service. Unset means ClusterIP, which serves machines in the same network.
	// +optional
	Type ServiceType `json:"type,omitempty"`

	// apiPort is the port of the API server: the port of the Service and, for NodePort, the wished node port.
	// Unset means 6443, and a node port that the management cluster allocates.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	APIPort int32 `json:"apiPort,omitempty"`

	// konnectivityPort is the port that the konnectivity agents of the machines dial: the port of the Service and, for
	// NodePort, the wished node port. Unset means 8132, and a node port that the management cluster allocates.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	KonnectivityPort int32 `json:"konnectivityPort,omitempty"`

	// annotations are set on the Service, for the load balancer of the management cluster.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`

	// loadBalancerClass picks a load balancer implementation of the management cluster.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=317
	LoadBalancerClass string `json:"loadBalancerClass,omitempty"`
}

// StorageSpec says where the API server keeps its data.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="(has(self.type) && self.type == 'kine') == has(self.kine)",message="storage.kine and storage.type kine belong together: set both or none",fieldPath=".kine"
// +kubebuilder:validation:XValidation:rule="!has(self.etcd) || !has(self.type) || self.type == 'etcd'",message="storage.etcd needs storage.type etcd",fieldPath=".etcd"
type StorageSpec struct {
	// type is the kind of storage. Unset means etcd. It is immutable.
	// +optional
	Type StorageType `json:"type,omitempty"`

	// etcd configures the etcd run by this provider.
	// +optional
	Etcd EtcdSpec `json:"etcd,omitempty,omitzero"`

	// kine configures a database reached through kine.
	// +optional
	Kine KineSpec `json:"kine,omitempty,omitzero"`
}

// EtcdSpec configures the etcd run by this provider.
//
// +kubebuilder:validation:MinProperties=1
type EtcdSpec struct {
	// image is the etcd image, 3.5.11 or newer. Unset means the etcd release that k0s bundles for the version the
	// cluster was created with. It is independent of the k0s image: changing one does not restart the other.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Image string `json:"image,omitempty"`

	// persistence describes the volume of etcd. It is immutable.
	// +optional
	Persistence EtcdPersistenceSpec `json:"persistence,omitempty,omitzero"`

	// resources are the resources of the etcd container.
	// +optional
	Resources corev1.ResourceRequirements `json:"resources,omitempty,omitzero"`
}

// EtcdPersistenceSpec describes the volume of etcd.
// +kubebuilder:validation:MinProperties=1
type EtcdPersistenceSpec struct {
	// storageClass is the StorageClass of the volume. Unset means the default class of the management cluster.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	StorageClass string `json:"storageClass,omitempty"`

	// size is the size of the volume. Unset means 1Gi. Half of it, or all but 512Mi, is the quota of the database.
	// +optional
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).isGreaterThan(quantity('255Mi'))",message="size must be at least 256Mi"
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).compareTo(quantity(string(oldSelf))) == 0",message="storage.etcd.persistence.size is immutable: to grow, edit the PersistentVolumeClaim if its StorageClass allows expansion"
	Size resource.Quantity `json:"size,omitempty,omitzero"`
}

// KineSpec configures a database reached through kine.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.dataSourceURL)",message="dataSourceURL holds credentials, and they belong in a Secret: put the URL under the key K0SMOTRON_KINE_DATASOURCE_URL of a Secret in the same namespace and name that Secret in dataSourceSecretName",fieldPath=".dataSourceURL"
// +kubebuilder:validation:XValidation:rule="has(self.dataSourceURL) || has(self.dataSourceSecretName)",message="dataSourceSecretName is required: the name of a Secret in the same namespace with the key K0SMOTRON_KINE_DATASOURCE_URL",fieldPath=".dataSourceSecretName"
type KineSpec struct {
	// dataSourceURL is always refused; it is known only so that the refusal can say what to write instead.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	DataSourceURL string `json:"dataSourceURL,omitempty"`

	// dataSourceSecretName is the name of a Secret in the same namespace. Its key K0SMOTRON_KINE_DATASOURCE_URL holds
	// the data source, for example postgres://user:password@host:5432/database.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	DataSourceSecretName string `json:"dataSourceSecretName,omitempty"`
}

// PersistenceSpec says where k0s keeps its own files.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="(has(self.type) && self.type == 'hostPath') == has(self.hostPath)",message="persistence.hostPath and persistence.type hostPath belong together: set both or none",fieldPath=".hostPath"
// +kubebuilder:validation:XValidation:rule="(has(self.type) && self.type == 'pvc') == has(self.persistentVolumeClaim)",message="persistence.persistentVolumeClaim and persistence.type pvc belong together: set both or none",fieldPath=".persistentVolumeClaim"
// +kubebuilder:validation:XValidation:rule="!has(self.persistentVolumeClaim) || !has(oldSelf.persistentVolumeClaim) || self.persistentVolumeClaim == oldSelf.persistentVolumeClaim",message="persistence.persistentVolumeClaim is immutable: to grow, edit the PersistentVolumeClaim if its StorageClass allows expansion",fieldPath=".persistentVolumeClaim"
type PersistenceSpec struct {
	// type is the kind of volume. Unset means emptyDir. It is immutable.
	// +optional
	Type PersistenceType `json:"type,omitempty"`

	// hostPath is a directory of the node; each control plane uses <namespace>/<name> below it. It needs a namespace
	// that allows hostPath volumes.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self.startsWith('/')",message="hostPath must be an absolute path"
	HostPath string `json:"hostPath,omitempty"`

	// persistentVolumeClaim is the claim made for each pod. It is deleted with the control plane.
	// +optional
	PersistentVolumeClaim PersistentVolumeClaimSpec `json:"persistentVolumeClaim,omitempty,omitzero"`
}

// PersistentVolumeClaimSpec is the claim made for each pod.
type PersistentVolumeClaimSpec struct {
	// metadata are labels and annotations of the claim.
	// +optional
	ObjectMeta clusterv1.ObjectMeta `json:"metadata,omitempty,omitzero"`

	// spec is the spec of the claim.
	// +required
	Spec corev1.PersistentVolumeClaimSpec `json:"spec,omitempty,omitzero"`
}
