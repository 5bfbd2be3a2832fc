// SPDX-License-Identifier: Apache-2.0

package v1beta2

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// ControllerRole is the part a controller plays when its cluster comes to life.
//
// +kubebuilder:validation:Enum=First;Joining
type ControllerRole string

const (
	// ControllerRoleFirst creates the cluster. One machine in the life of a Cluster has it: a ConfigMap is the lock
	// that lets no second one start an empty cluster under the same name.
	ControllerRoleFirst ControllerRole = "First"
	// ControllerRoleJoining becomes a member of a cluster that exists.
	ControllerRoleJoining ControllerRole = "Joining"
)

// K0sConfigSpec says how k0s is configured on the controllers of a cluster. K0sControlPlane has the same fields in
// spec.k0sConfigSpec.
//
// +kubebuilder:validation:XValidation:rule="!has(self.files) || self.files.all(f, f.path != '/etc/k0s/k0s.yaml')",message="/etc/k0s/k0s.yaml is made from k0s: remove the file, and put its content there"
type K0sConfigSpec struct {
	// k0s is a k0s ClusterConfig (apiVersion k0s.k0sproject.io/v1beta1) whose values are kept. What differs between
	// machines, such as the name of the etcd member, is filled in. With storage.type kine a kine.dataSource is needed that
	// all controllers reach: SQLite and the NATS server inside kine, which keep the state on one machine, are refused.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	K0s runtime.RawExtension `json:"k0s,omitempty,omitzero"`

	// args are additional flags for `k0s controller`, one per item, each in the form --flag or --flag=value.
	// They reach k0s as they are: no shell sees them and nothing in them is expanded.
	// With --enable-worker the controller is a node, too; --labels and --taints are then those of its Node.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="self.all(a, a.startsWith('--env=') || self.exists_one(b, b.split('=')[0] == a.split('=')[0]))",message="every flag may occur only once (except --env)"
	Args []ControllerArg `json:"args,omitempty"`

	InstallSpec `json:",inline"`
}

// RunsWorker tells whether the controllers run workloads, too: only those have a Node.
func (s *K0sConfigSpec) RunsWorker() bool {
	return slices.ContainsFunc(s.Args, func(argument ControllerArg) bool {
		return slices.Contains([]ControllerArg{
			"--enable-worker", "--enable-worker=true", "--enable-worker=True", "--enable-worker=TRUE",
			"--enable-worker=t", "--enable-worker=T", "--enable-worker=1",
		}, argument)
	})
}

// ControllerArg is a flag of `k0s controller`.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=1024
// +kubebuilder:validation:XValidation:rule="self.matches('^--[a-zA-Z][a-zA-Z0-9-]*(=[^\\\\n\\\\r]*)?$')",message="an argument has the form --flag or --flag=value, on one line; write the value after an equals sign, not as an item of its own"
// +kubebuilder:validation:XValidation:rule="!self.matches('^[^=]*=[\"\\'].*[\"\\']$')",message="leave out the quotation marks: no shell reads the arguments, k0s would see the marks"
// +kubebuilder:validation:XValidation:rule="!self.contains('{{')",message="arguments are not templates: instance data of cloud-init ({{ }}) is not filled in"
// +kubebuilder:validation:XValidation:rule="self.split('=')[0] != '--token-file' && !self.startsWith('--env=K0S_TOKEN')",message="the join token is set by k0smotron"
// +kubebuilder:validation:XValidation:rule="self.split('=')[0] != '--config'",message="use k0s instead of --config"
// +kubebuilder:validation:XValidation:rule="self.split('=')[0] != '--enable-dynamic-config'",message="--enable-dynamic-config is always set: cluster-wide settings live in the cluster"
// +kubebuilder:validation:XValidation:rule="!self.startsWith('--env=AUTOPILOT_HOSTNAME')",message="AUTOPILOT_HOSTNAME is set by k0smotron: it is the name of the Machine, by which the controller is recognised"
// +kubebuilder:validation:XValidation:rule="self.split('=')[0] != '--status-socket'",message="--status-socket stays where k0s puts it: its own updates, and the check whether it runs, look there"
// +kubebuilder:validation:XValidation:rule="self.split('=')[0] != '--single'",message="--single makes a cluster that nobody can join and that cannot be replaced: use --enable-worker with --no-taints"
// +kubebuilder:validation:XValidation:rule="!(self.split('=')[0] in ['--force', '--start', '--init-only'])",message="--force, --start and --init-only are decided by k0smotron"
// +kubebuilder:validation:XValidation:rule="!self.matches('^--disable-components=(.*,)?control-api(,.*)?$')",message="control-api cannot be disabled: controllers join through it"
// +kubebuilder:validation:XValidation:rule="!self.matches('^--labels=(.*,)?k0smotron[.]io/')",message="labels of k0smotron.io are set by k0smotron itself"
// +kubebuilder:validation:XValidation:rule="!(self.startsWith('--kubelet-extra-args=') && self.contains('--node-labels'))",message="use --labels instead of the kubelet's --node-labels"
// +kubebuilder:validation:XValidation:rule="!(self.startsWith('--kubelet-extra-args=') && self.contains('--register-with-taints'))",message="use --taints instead of the kubelet's --register-with-taints"
// +kubebuilder:validation:XValidation:rule="self.split('=')[0] != '--data-dir' || self.matches('^--data-dir=(/[A-Za-z0-9_.-]+)+$')",message="--data-dir needs an absolute path without a slash at its end"
type ControllerArg string

// K0sControllerConfigSpec says how a machine becomes a k0s controller.
type K0sControllerConfigSpec struct {
	// role tells whether the controller creates the cluster (First) or becomes a member of it (Joining).
	// The control-plane provider decides it, once.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="role cannot be changed: a machine that was the first controller of a cluster cannot join it, nor the other way round"
	Role ControllerRole `json:"role,omitempty"`

	// version is the k0s version: vX.Y.Z, vX.Y.Z+k0s or vX.Y.Z+k0s.N.
	// A missing build number means the first build, +k0s.0, never the latest.
	// Unset: the version of the Machine. When both are set, X.Y.Z must be equal;
	// the build may differ.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="!self.contains('-k0s')",message="the build number follows a plus sign: v1.36.3+k0s.2, not v1.36.3-k0s.2"
	// +kubebuilder:validation:XValidation:rule="self.contains('-k0s') || self.matches('^v[0-9]+[.][0-9]+[.][0-9]+([+]k0s([.][0-9]+)?)?$')",message="a version has the form vX.Y.Z, vX.Y.Z+k0s or vX.Y.Z+k0s.N, for example v1.36.3+k0s.2"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^v(0|1[.]([0-9]|[12][0-9]|30))[.]')",message="k0s v1.31 is the oldest supported version"
	Version string `json:"version,omitempty"`

	K0sConfigSpec `json:",inline"`
}

// K0sControllerConfig turns a Machine into a k0s controller: it renders the user data with which the machine installs
// k0s and creates or joins the control plane, and looks after the join token until it has. K0sControlPlane makes one
// for each of its Machines.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:storageversion
// +kubebuilder:resource:path=k0scontrollerconfigs,scope=Namespaced,categories=cluster-api,shortName=k0scc
// +kubebuilder:metadata:labels="cluster.x-k8s.io/v1beta2=v1beta2"
// +kubebuilder:printcolumn:name="Cluster",type="string",JSONPath=`.metadata.labels['cluster\.x-k8s\.io/cluster-name']`,description="Cluster the machine belongs to"
// +kubebuilder:printcolumn:name="Machine",type="string",JSONPath=`.metadata.ownerReferences[?(@.kind=="Machine")].name`,description="Machine the config belongs to"
// +kubebuilder:printcolumn:name="Role",type="string",JSONPath=`.spec.role`,description="Whether the controller creates the cluster or joins it"
// +kubebuilder:printcolumn:name="Data Secret",type="string",JSONPath=`.status.dataSecretName`,description="Secret with the bootstrap data"
// +kubebuilder:printcolumn:name="Ready",type="string",JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="Whether the machine can be created and become a controller"
// +kubebuilder:printcolumn:name="Paused",type="string",priority=10,JSONPath=`.status.conditions[?(@.type=="Paused")].status`,description="Whether the config is paused"
// +kubebuilder:printcolumn:name="Reason",type="string",priority=10,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,description="Reason of Ready"
// +kubebuilder:printcolumn:name="Message",type="string",priority=10,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,description="What is awaited"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=`.metadata.creationTimestamp`,description="Time since the config was created"
// +kubebuilder:printcolumn:name="Version",type="string",JSONPath=`.spec.version`,description="k0s version, if the config names one"
type K0sControllerConfig struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says how the machine becomes a controller.
	// +required
	Spec K0sControllerConfigSpec `json:"spec,omitempty,omitzero"`

	// status tells where the bootstrap of the machine stands.
	// +optional
	Status ConfigStatus `json:"status,omitempty,omitzero"`
}

// GetConditions returns the conditions.
func (c *K0sControllerConfig) GetConditions() []metav1.Condition {
	return c.Status.Conditions
}

// SetConditions replaces the conditions.
func (c *K0sControllerConfig) SetConditions(conditions []metav1.Condition) {
	c.Status.Conditions = conditions
}

// SetObservedGeneration records the generation that the status describes.
func (c *K0sControllerConfig) SetObservedGeneration(generation int64) {
	c.Status.ObservedGeneration = generation
}

// K0sControllerConfigList is a list of K0sControllerConfigs.
//
// +kubebuilder:object:root=true
type K0sControllerConfigList struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard list's metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`

	// items are the configs.
	Items []K0sControllerConfig `json:"items"`
}
