// SPDX-License-Identifier: Apache-2.0

// Package child knows what all children of a control plane have in common: names, labels, and the rule that
// a new release of this provider changes nothing that runs.
package child

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k0smotron/k0smotron/shared/contract"
)

// hashLength is how many hex digits keep two names apart: 40 bits, as in names that are cut.
const hashLength = 10

// Role is the part a child plays. It is the suffix of its name and the value of the role label.
type Role string

// The roles.
const (
	// RoleAPI is the Service in front of the control plane pods.
	RoleAPI Role = "api"
	// RoleControlPlane is the StatefulSet of k0s and what belongs to it.
	RoleControlPlane Role = "controlplane"
	// RoleEtcd is the StatefulSet of etcd and what belongs to it.
	RoleEtcd Role = "etcd"
	// RoleConfig is the Secret with the configuration of k0s.
	RoleConfig Role = "k0s-config"
	// RoleEtcdServer is the Secret with the certificates of the etcd members.
	RoleEtcdServer Role = "etcd-server"
	// RoleEtcdClient is the Secret with the certificate that kube-apiserver shows to etcd.
	RoleEtcdClient Role = "apiserver-etcd-client"
)

// Identity says whose children are built.
type Identity struct {
	// Namespace is the namespace of the control plane and all of its children.
	Namespace string
	// Cluster is the name of the Cluster.
	Cluster string
}

// Name is the name of a child with at most limit characters, good for a Service and the host name of a pod.
func (i Identity) Name(role Role, limit int) string {
	return contract.ChildName(i.label(), string(role), limit)
}

// label is the name of the Cluster as the beginning of a label of DNS. The name of a Cluster may begin with a digit and
// hold dots, which a Service's and a host's may not: then a letter is put before it and dashes for the dots, and the hash
// of the name behind it keeps it apart from a Cluster that is really called so.
func (i Identity) label() string {
	if !strings.Contains(i.Cluster, ".") && strings.TrimLeft(i.Cluster, "0123456789") == i.Cluster {
		return i.Cluster
	}
	sum := sha256.Sum256([]byte(i.Cluster))
	return "k0s-" + strings.ReplaceAll(i.Cluster, ".", "-") + "-" + hex.EncodeToString(sum[:])[:hashLength]
}

// SecretName is the name of a Secret of ours; a Secret's name may be long, so it is never cut.
func (i Identity) SecretName(role Role) string { return i.Cluster + "-" + string(role) }

// Selector is the least that tells the pods of a role from all others. It never changes, because selectors cannot.
func (i Identity) Selector(role Role) map[string]string {
	selector := contract.ClusterLabels(i.Cluster)
	selector[contract.RoleLabel] = string(role)
	return selector
}

// Meta is the metadata of a child.
func (i Identity) Meta(role Role, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: i.Namespace,
		Name:      name,
		Labels:    i.Selector(role),
	}
}

// Annotate adds annotations to a child's metadata.
func Annotate(meta *metav1.ObjectMeta, annotations map[string]string) {
	if len(annotations) == 0 {
		return
	}
	if meta.Annotations == nil {
		meta.Annotations = make(map[string]string, len(annotations))
	}
	maps.Copy(meta.Annotations, annotations)
}
