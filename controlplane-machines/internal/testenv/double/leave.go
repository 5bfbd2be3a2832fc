// SPDX-License-Identifier: Apache-2.0

package double

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// What k0s says about members that are to leave.
const (
	saysOnlyOne = "The only active controller cannot leave the etcd cluster" +
		"; either bring another controller online or clear spec.leave"
	saysYields      = "Waiting for another controller to take over"
	saysNoLease     = "No k0s controller lease found"
	saysActive      = "Member is still active; waiting for it to shutdown"
	saysOtherHolder = "Unexpected lease holder"
	saysOffline     = "Member is offline; waiting for it to leave"
	saysRemoved     = "Member removed from cluster"
	saysUnknown     = "No such member ID"
)

// offlineFor is how long ago a controller must have renewed its lease for the leader to remove its member.
const offlineFor = 5 * time.Minute

// workingNames are the controllers that work, sorted.
func (d *Double) workingNames() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(d.controllers)), func(name string) bool {
		return !d.controllers[name].works()
	})
}

// lead is one turn of the leader.
func (d *Double) lead(ctx context.Context) error {
	names := d.workingNames()
	if len(names) == 0 || len(d.etcd.members) == 0 || !d.hasQuorum() {
		return nil
	}
	if !slices.Contains(names, d.leader) {
		d.leader = names[0]
	}
	objects, err := List(ctx, d.options.Workload, EtcdMemberKind)
	if err != nil {
		return err
	}
	for i := range objects {
		if err := d.oversee(ctx, &objects[i]); err != nil {
			return fmt.Errorf("overseeing member %s: %w", objects[i].GetName(), err)
		}
	}
	return nil
}

// oversee brings one member to what is wanted of it.
func (d *Double) oversee(ctx context.Context, object *unstructured.Unstructured) error {
	id, _, _ := unstructured.NestedString(object.Object, "status", "memberID")
	leave, _, _ := unstructured.NestedBool(object.Object, "spec", "leave")
	switch {
	case id == "":
		return nil
	case !d.etcd.knows(id):
		return d.says(ctx, object, saysUnknown)
	case !leave:
		return nil
	case object.GetName() == d.leader:
		return d.says(ctx, object, d.yield())
	}
	waits, err := d.waitsFor(ctx, object)
	if err != nil {
		return err
	}
	if waits != "" {
		return d.says(ctx, object, waits)
	}
	return d.removeMember(ctx, object)
}

// yield hands the lead to another controller.
func (d *Double) yield() string {
	others := slices.DeleteFunc(d.workingNames(), func(name string) bool { return name == d.leader })
	if len(others) == 0 {
		return saysOnlyOne
	}
	d.leader = others[0]
	return saysYields
}

// waitsFor is what a leave waits for. Releases that do not know the invocation wait for nothing.
func (d *Double) waitsFor(ctx context.Context, object *unstructured.Unstructured) (string, error) {
	labels := object.GetLabels()
	invocation := labels[invocationLabel]
	if invocation == "" {
		return "", nil
	}
	lease := &coordinationv1.Lease{}
	key := client.ObjectKey{
		Namespace: corev1.NamespaceNodeLease, Name: cmp.Or(labels[leaseLabel], "k0s-ctrl-"+object.GetName()),
	}
	err := d.options.Workload.Get(ctx, key, lease)
	if apierrors.IsNotFound(err) {
		return saysNoLease, nil
	}
	if err != nil {
		return "", fmt.Errorf("getting lease %s: %w", key.Name, err)
	}
	return d.waitsForHolder(ctx, object, lease)
}

func (d *Double) waitsForHolder(
	ctx context.Context, object *unstructured.Unstructured, lease *coordinationv1.Lease,
) (string, error) {
	holder, age := *lease.Spec.HolderIdentity, d.now().Sub(lease.Spec.RenewTime.Time)
	labels := object.GetLabels()
	switch {
	case holder == "" || age > leaseLife:
		if age < offlineFor {
			return saysOffline, nil
		}
		return "", nil
	case holder != labels[invocationLabel]:
		return saysOtherHolder, nil
	case labels[shutdownLabel] == holder:
		return saysActive, nil
	}
	return saysActive, patch(ctx, d.options.Workload, object, func() error {
		labels[shutdownLabel] = holder
		object.SetLabels(labels)
		return nil
	})
}

// removeMember takes a member out of etcd for it.
func (d *Double) removeMember(ctx context.Context, object *unstructured.Unstructured) error {
	name := object.GetName()
	watch := d.watchQuorum()
	delete(d.etcd.members, name)
	if c := d.controllers[name]; c != nil {
		c.state = left
	}
	watch("member " + name + " was removed")
	return d.says(ctx, object, saysRemoved)
}

// says writes what there is to say. What is not in etcd any more has left.
func (d *Double) says(ctx context.Context, object *unstructured.Unstructured, message string) error {
	status := statusOf(object)
	return patchStatus(ctx, d.options.Workload, object, func() {
		status["message"] = message
		delete(status, "reconcileStatus")
		if message == saysUnknown || message == saysRemoved {
			status["reconcileStatus"] = "Success"
			d.setJoined(status, "False", message)
		}
	})
}

// toldToLeave tells whether the leader has asked this start of k0s to shut down.
func (d *Double) toldToLeave(ctx context.Context, c *controller) (bool, error) {
	if !c.member || c.name == d.leader {
		return false, nil
	}
	object := empty(EtcdMemberKind, c.name)
	if err := d.options.Workload.Get(ctx, client.ObjectKey{Name: c.name}, object); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	leave, _, _ := unstructured.NestedBool(object.Object, "spec", "leave")
	return leave && object.GetLabels()[shutdownLabel] == c.invocation(), nil
}

// leave stops a controller and takes it out of etcd: its lease is released, and the leader tells that it has left.
func (d *Double) leave(ctx context.Context, c *controller) error {
	watch := d.watchQuorum()
	if err := d.renew(ctx, c.lease(), ""); err != nil {
		return err
	}
	c.state = left
	delete(d.etcd.members, c.name)
	watch("member " + c.name + " has left")
	return nil
}
