// SPDX-License-Identifier: Apache-2.0

package contract

import (
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	"github.com/k0smotron/k0smotron/shared/conditions"
)

// Conditions that the control-plane provider writes on the Machines of its controllers. A controller without a kubelet
// has no Node, so nothing that Cluster API says about a Machine (Ready, nodeRef, NodeHealthy) tells whether it works:
// these do. All of them are written in one patch, so a reader never sees one without the others.
const (
	// APIServerHealthyCondition is True while the controller's own kube-apiserver answers.
	APIServerHealthyCondition = "APIServerHealthy"
	// EtcdMemberHealthyCondition is True while the controller is a voting member of etcd that takes part in a quorum.
	// It is absent exactly where k0s manages no etcd: with kine, and with an etcd of the user.
	EtcdMemberHealthyCondition = "EtcdMemberHealthy"
	// K0sControllerHealthyCondition is True while k0s itself runs on the machine: it renews its lease.
	K0sControllerHealthyCondition = "K0sControllerHealthy"
)

const (
	// NextMachineAnnotation is on a K0sControlPlane; its value is the name of the Machine it is about to create. It is
	// written before anything is created, so that a pass that is repeated, or whose answer was lost, makes the same
	// Machine again and not another one.
	NextMachineAnnotation = "k0smotron.io/next-machine"
	// LeaveHookAnnotation is on every Machine of a K0sControlPlane: Cluster API does not terminate the machine while the
	// annotation is there. The provider removes it last of all such hooks, when the controller has left etcd: an etcd
	// whose member vanishes without leaving is one failure nearer to losing its quorum.
	LeaveHookAnnotation = clusterv1.PreTerminateDeleteHookAnnotationPrefix + "/k0smotron-leave"
	// WasMemberAnnotation is on a Machine of a K0sControlPlane from the moment on at which its controller was first seen as
	// a voting member of etcd. Its value is MemberJoined or MemberLeft. An EtcdMember can be lost; with the annotation its
	// controller is not mistaken for one that never joined, whose going costs no vote.
	WasMemberAnnotation = "k0smotron.io/etcd-member"
	// JoinRevokedAnnotation is on a Machine of a K0sControlPlane that is deleted before it was seen as a member; its value
	// is when its join token was revoked, in RFC 3339. What asked to join before has some time to show after that.
	JoinRevokedAnnotation = "k0smotron.io/join-token-revoked"
	// LeftOverMembersAnnotation is on a K0sControlPlane; its value lists members that machines which are gone may have left
	// in etcd: name=address, separated by commas. Whoever has removed one from etcd removes its entry.
	LeftOverMembersAnnotation = "k0smotron.io/left-over-members"
)

// Values of WasMemberAnnotation.
const (
	// MemberJoined: the controller has been seen voting.
	MemberJoined = "joined"
	// MemberLeft: it has been, and then its EtcdMember has said that it has left.
	MemberLeft = "left"
)

// suffixInitLock ends the name of the init lock.
const suffixInitLock = "-k0s-init"

// Keys of the init lock.
const (
	// InitLockMachineKey holds the name of the Machine that creates the cluster, for people to read.
	InitLockMachineKey = "machine"
	// InitLockMachineUIDKey holds its UID: a Machine that was deleted and made again under the same name is another
	// machine with an empty disk.
	InitLockMachineUIDKey = "machine-uid"
)

// InitLockName is the name of the ConfigMap that lets one machine alone create the cluster. Bootstrap takes it before it
// hands out the first controller's data; whoever finds it held by another machine creates nothing. It belongs to the
// Cluster, so that it moves with it and ends with it.
func InitLockName(cluster string) string { return cluster + suffixInitLock }

// IsControlPlaneMachine tells whether the Machine runs a controller. Core and all providers go by the label alone,
// whatever its value.
func IsControlPlaneMachine(machine *clusterv1.Machine) bool {
	_, labelled := machine.Labels[clusterv1.MachineControlPlaneLabel]
	return labelled
}

// IsHealthyMember tells whether a controller may be relied on, to join through it for example: its API server answers,
// k0s runs, and it is a healthy member of etcd where k0s manages one. Unknown is not healthy, and neither is a Machine
// that is being deleted.
func IsHealthyMember(machine *clusterv1.Machine) bool {
	return machine.DeletionTimestamp.IsZero() && isHealthy(machine)
}

// IsLeavingMember tells whether a controller works though its Machine is being deleted, and is held by its hook. Where
// no other works, it is the one to join through: the only member does not leave while another is about to join, so that
// the data of the cluster do not end with it.
func IsLeavingMember(machine *clusterv1.Machine) bool {
	_, held := machine.Annotations[LeaveHookAnnotation]
	return held && !machine.DeletionTimestamp.IsZero() && isHealthy(machine)
}

func isHealthy(machine *clusterv1.Machine) bool {
	etcd := conditions.Get(machine, EtcdMemberHealthyCondition)
	return conditions.IsTrue(machine, APIServerHealthyCondition) &&
		conditions.IsTrue(machine, K0sControllerHealthyCondition) &&
		(etcd == nil || conditions.IsTrue(machine, EtcdMemberHealthyCondition))
}

// HasJoined tells whether the controller has been seen as a part of the control plane: its k0s runs, and it is a voting
// member of etcd where k0s manages one; or it has a Node, which k0s registers last. A join token is of no use to it any
// more. It may be unhealthy again since.
func HasJoined(machine *clusterv1.Machine) bool {
	etcd := conditions.Get(machine, EtcdMemberHealthyCondition)
	return machine.Status.NodeRef.IsDefined() ||
		conditions.IsTrue(machine, K0sControllerHealthyCondition) &&
			(etcd == nil || conditions.IsTrue(machine, EtcdMemberHealthyCondition))
}
