// SPDX-License-Identifier: Apache-2.0

package k0snode

import (
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Labels that k0s writes on EtcdMembers.
const (
	// leaseLabel names the lease that the controller of the member renews.
	leaseLabel = "k0s.k0sproject.io/controller-lease"
	// invocationLabel is the invocation of k0s that the member belongs to: what it holds its lease with.
	invocationLabel = "k0s.k0sproject.io/shutdown-on-leave"
)

// LeasePrefix begins the names of the controllers' leases in the namespace kube-node-lease.
const LeasePrefix = "k0s-ctrl-"

// etcdMemberKind and controlNodeKind are kinds that k0s writes. Neither is namespaced.
func etcdMemberKind() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: "etcd.k0sproject.io", Version: "v1beta1", Kind: "EtcdMember"}
}

func controlNodeKind() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: "autopilot.k0sproject.io", Version: "v1beta2", Kind: "ControlNode"}
}

// Joined is what an EtcdMember says about its membership.
type Joined string

// The values of Joined, as k0s writes them.
const (
	// JoinedTrue: it is a voting member.
	JoinedTrue Joined = "True"
	// JoinedFalse: it has left, or etcd does not know it any more.
	JoinedFalse Joined = "False"
	// JoinedUnknown: it has not been said.
	JoinedUnknown Joined = "Unknown"
)

// EtcdMember is what an EtcdMember object says.
type EtcdMember struct {
	// Name is that of the member, and of its Machine.
	Name string
	// Joined is its membership.
	Joined Joined
	// Leave tells that it was asked to leave.
	Leave bool
	// Lease is the name of its controller's lease; empty when k0s does not name it.
	Lease string
	// Invocation is the invocation of k0s it belongs to; empty when k0s does not name it.
	Invocation string
	// PeerAddress is where the other members reach it.
	PeerAddress string
	// Message is k0s's own text about the last change that was asked for.
	Message string
}

// ControlNode is what a ControlNode object says.
type ControlNode struct {
	// Name is that of its Machine.
	Name string
	// Version is the k0s release that runs; empty in releases before v1.31.7 and v1.32.3, which do not tell it.
	Version string
}

// Lease is what the lease of a controller says.
type Lease struct {
	// Name is the name of the lease.
	Name string
	// Holder is the invocation of k0s that holds it; empty when it was released.
	Holder string
	// Renewed is when it was renewed last, by the clock of the controller: good only to be compared with itself.
	Renewed time.Time
}

// etcdMemberOf reads an object. What is missing or of another type is not said.
func etcdMemberOf(object *unstructured.Unstructured) EtcdMember {
	labels := object.GetLabels()
	leave, _, _ := unstructured.NestedBool(object.Object, "spec", "leave")
	return EtcdMember{
		Name:        object.GetName(),
		Joined:      joinedOf(object),
		Leave:       leave,
		Lease:       labels[leaseLabel],
		Invocation:  labels[invocationLabel],
		PeerAddress: text(object, "status", "peerAddress"),
		Message:     text(object, "status", "message"),
	}
}

func joinedOf(object *unstructured.Unstructured) Joined {
	list, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, entry := range list {
		condition, _ := entry.(map[string]any)
		if condition["type"] != "Joined" {
			continue
		}
		status, _ := condition["status"].(string)
		if joined := Joined(status); joined == JoinedTrue || joined == JoinedFalse {
			return joined
		}
	}
	return JoinedUnknown
}

func controlNodeOf(object *unstructured.Unstructured) ControlNode {
	return ControlNode{Name: object.GetName(), Version: text(object, "status", "k0sVersion")}
}

func leaseOf(object *coordinationv1.Lease) Lease {
	lease := Lease{Name: object.Name}
	if object.Spec.HolderIdentity != nil {
		lease.Holder = *object.Spec.HolderIdentity
	}
	if object.Spec.RenewTime != nil {
		lease.Renewed = object.Spec.RenewTime.Time
	}
	return lease
}

func text(object *unstructured.Unstructured, path ...string) string {
	value, _, _ := unstructured.NestedString(object.Object, path...)
	return value
}

// EtcdMemberObject is a member's object by name, to be deleted or watched.
func EtcdMemberObject(name string) *unstructured.Unstructured { return named(etcdMemberKind(), name) }

// LeaveRequest is the intent to apply to a member that has to leave.
func LeaveRequest(name string) *unstructured.Unstructured {
	request := EtcdMemberObject(name)
	request.Object["spec"] = map[string]any{"leave": true}
	return request
}

// ControlNodeObject is a controller's object by name, to be deleted or watched.
func ControlNodeObject(name string) *unstructured.Unstructured { return named(controlNodeKind(), name) }

// LeaseObject is a controller's lease by name, to be deleted.
func LeaseObject(name string) *coordinationv1.Lease {
	return &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: corev1.NamespaceNodeLease, Name: name}}
}

func named(kind schema.GroupVersionKind, name string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{}}
	object.SetGroupVersionKind(kind)
	object.SetName(name)
	return object
}
