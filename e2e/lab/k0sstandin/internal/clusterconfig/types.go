// SPDX-License-Identifier: Apache-2.0

// Package clusterconfig is the stand-in's reading of k0s's ClusterConfig: the keys that the lab's clusters use, read
// strictly. A key that is not listed here is an error, also where k0s itself would overlook it, so that a wrong or
// misplaced key never passes unnoticed.
package clusterconfig

import "encoding/json"

// Identity of the configuration, as file and as object in the cluster.
const (
	APIVersion = "k0s.k0sproject.io/v1beta1"
	Kind       = "ClusterConfig"
	Name       = "k0s"
	Namespace  = "kube-system"
)

// Config is one configuration file or the object kube-system/k0s.
type Config struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Metadata   Metadata `json:"metadata,omitzero"`
	Spec       Spec     `json:"spec,omitzero"`

	given Spec
}

// Metadata is what a configuration file may say about its own name.
type Metadata struct {
	Name      string `json:"name,omitempty"`
	Namespace string `json:"namespace,omitempty"`
}

// Spec holds node-local settings (API, Storage and part of Network) beside settings of the whole cluster.
type Spec struct {
	API               API             `json:"api,omitzero"`
	Storage           Storage         `json:"storage,omitzero"`
	ControllerManager Component       `json:"controllerManager,omitzero"`
	Scheduler         Component       `json:"scheduler,omitzero"`
	Network           Network         `json:"network,omitzero"`
	Konnectivity      Konnectivity    `json:"konnectivity,omitzero"`
	WorkerProfiles    []WorkerProfile `json:"workerProfiles,omitempty"`
	Images            Images          `json:"images,omitzero"`
	FeatureGates      []FeatureGate   `json:"featureGates,omitempty"`
	Telemetry         Telemetry       `json:"telemetry,omitzero"`
}

// API is how the API server of this node is reached.
type API struct {
	Address           string            `json:"address,omitempty"`
	OnlyBindToAddress bool              `json:"onlyBindToAddress,omitempty"`
	ExternalAddress   string            `json:"externalAddress,omitempty"`
	Port              int               `json:"port,omitempty"`
	K0sAPIPort        int               `json:"k0sApiPort,omitempty"`
	SANs              []string          `json:"sans,omitempty"`
	ExtraArgs         map[string]string `json:"extraArgs,omitempty"`
	RawArgs           []string          `json:"rawArgs,omitempty"`
}

// Storage is where the API server of this node keeps its objects.
type Storage struct {
	Type string `json:"type,omitempty"`
	Etcd Etcd   `json:"etcd,omitzero"`
	Kine Kine   `json:"kine,omitzero"`
}

// Etcd is an etcd run here, or an external one.
type Etcd struct {
	PeerAddress     string            `json:"peerAddress,omitempty"`
	ExtraArgs       map[string]string `json:"extraArgs,omitempty"`
	ExternalCluster *ExternalCluster  `json:"externalCluster,omitempty"`
}

// ExternalCluster is an etcd that somebody else runs.
type ExternalCluster struct {
	Endpoints      []string `json:"endpoints"`
	EtcdPrefix     string   `json:"etcdPrefix"`
	CAFile         string   `json:"caFile,omitempty"`
	ClientCertFile string   `json:"clientCertFile,omitempty"`
	ClientKeyFile  string   `json:"clientKeyFile,omitempty"`
}

// Kine is a database behind an etcd facade.
type Kine struct {
	DataSource string            `json:"dataSource,omitempty"`
	ExtraArgs  map[string]string `json:"extraArgs,omitempty"`
}

// Component carries flags for one Kubernetes program.
type Component struct {
	ExtraArgs map[string]string `json:"extraArgs,omitempty"`
	RawArgs   []string          `json:"rawArgs,omitempty"`
}

// Network is the cluster's address plan.
type Network struct {
	Provider             string    `json:"provider,omitempty"`
	PodCIDR              string    `json:"podCIDR,omitempty"`
	ServiceCIDR          string    `json:"serviceCIDR,omitempty"`
	ClusterDomain        string    `json:"clusterDomain,omitempty"`
	PrimaryAddressFamily string    `json:"primaryAddressFamily,omitempty"`
	DualStack            DualStack `json:"dualStack,omitzero"`
	KubeProxy            KubeProxy `json:"kubeProxy,omitzero"`
}

// DualStack adds IPv6 ranges to the IPv4 ones.
type DualStack struct {
	Enabled         bool   `json:"enabled,omitempty"`
	IPv6PodCIDR     string `json:"IPv6podCIDR,omitempty"`
	IPv6ServiceCIDR string `json:"IPv6serviceCIDR,omitempty"`
}

// KubeProxy is whether and how kube-proxy runs.
type KubeProxy struct {
	Disabled bool   `json:"disabled,omitempty"`
	Mode     string `json:"mode,omitempty"`
}

// Konnectivity is the tunnel from the control plane to the nodes.
type Konnectivity struct {
	AgentPort       int    `json:"agentPort,omitempty"`
	AdminPort       int    `json:"adminPort,omitempty"`
	ExternalAddress string `json:"externalAddress,omitempty"`
}

// WorkerProfile is a fragment of a KubeletConfiguration under a name.
type WorkerProfile struct {
	Name   string          `json:"name"`
	Values json.RawMessage `json:"values,omitempty"`
}

// Images overrides where add-ons come from.
type Images struct {
	DefaultPullPolicy string `json:"default_pull_policy,omitempty"`
	Konnectivity      Image  `json:"konnectivity,omitzero"`
	KubeProxy         Image  `json:"kubeproxy,omitzero"`
	CoreDNS           Image  `json:"coredns,omitzero"`
	Pause             Image  `json:"pause,omitzero"`
}

// Image is a repository and a tag.
type Image struct {
	Image   string `json:"image,omitempty"`
	Version string `json:"version,omitempty"`
}

// URI is the reference of the image.
func (i Image) URI() string { return i.Image + ":" + i.Version }

// FeatureGate switches a Kubernetes feature in the named components (all when none is named).
type FeatureGate struct {
	Name       string   `json:"name"`
	Enabled    bool     `json:"enabled"`
	Components []string `json:"components,omitempty"`
}

// Telemetry is accepted and never sent.
type Telemetry struct {
	Enabled bool `json:"enabled,omitempty"`
}
