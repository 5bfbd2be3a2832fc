// SPDX-License-Identifier: Apache-2.0

package contract

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
)

// Labels and annotations of ours, all of them. A key that existing k0smotron installations know keeps their meaning.
const (
	// MachineNameLabel is on workload Nodes; its value is the name of the Machine behind the Node. The bootstrap data
	// registers it, and the node-identity controller finds Nodes by it.
	MachineNameLabel = "k0smotron.io/machine-name"
	// JoinInfoLabel is on the Secret <cluster>-k0s-join; its value is empty. Bootstrap watches Secrets by it.
	JoinInfoLabel = "k0smotron.io/join-info"
	// RoleLabel is on children of a control plane; its value is the part they play ("etcd", "controller").
	RoleLabel = "k0smotron.io/role"
	// InputsHashAnnotation is on what was rendered (pod templates, Machines): the canonical hash of the user spec and
	// facts it was rendered from. While it is equal, a newer renderer leaves the object as it is.
	InputsHashAnnotation = "k0smotron.io/inputs-hash"
	// RenderingHashAnnotation is beside InputsHashAnnotation: the hash of what was rendered from the inputs. Where it
	// differs from what the renderer says today, a newer rendering waits.
	RenderingHashAnnotation = "k0smotron.io/rendering-hash"
	// ConfigHashAnnotation is on pod templates: the hash of mounted node-local configuration, so that a change rolls.
	ConfigHashAnnotation = "k0smotron.io/config-hash"
	// EndpointSourceAnnotation is on the Secret with a hosted control plane's configuration: "Node" when the endpoint is
	// the address of a node of the management cluster.
	EndpointSourceAnnotation = "k0smotron.io/endpoint-source"
	// AppliedConfigAnnotation is beside it, and on a control plane on Machines: the fingerprint of the cluster-wide
	// configuration applied last, and ":taken" once k0s has taken it.
	AppliedConfigAnnotation = "k0smotron.io/applied-cluster-config"
	// RestartedAnnotation is on pod templates: the day on which pods had to be restarted to renew certificates.
	RestartedAnnotation = "k0smotron.io/restarted"
	// CertificatesHashAnnotation is on pod templates: the fingerprint of mounted certificates, so that a renewal rolls.
	CertificatesHashAnnotation = "k0smotron.io/certificates-hash"
)

// ClusterLabels returns the labels every child of a Cluster carries. Caches, clusterctl move and prune rely on them.
func ClusterLabels(clusterName string) map[string]string {
	return map[string]string{clusterv1.ClusterNameLabel: clusterName}
}

// IsWatched tells whether a manager with the flag --watch-filter serves the object; without a filter it serves all. It
// must be asked in the pass, too: events of other objects lead to all of them.
func IsWatched(object metav1.Object, filter string) bool {
	return filter == "" || object.GetLabels()[clusterv1.WatchLabel] == filter
}
