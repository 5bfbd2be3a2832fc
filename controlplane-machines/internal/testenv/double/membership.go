// SPDX-License-Identifier: Apache-2.0

package double

import (
	"context"
	"fmt"
	"maps"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/shared/contract"
)

const (
	// behind is how far the clocks of the machines are behind ours.
	behind = time.Hour
	// leaseLife is how long a lease is good.
	leaseLife = time.Minute
)

// register tells the cluster of a controller, as each does at its start.
func (d *Double) register(ctx context.Context, c *controller) error {
	if c.member && !d.hasQuorum() {
		return nil // There is no API server yet. The next turn tries again.
	}
	for _, tell := range []func(context.Context, *controller) error{
		d.registerConfig, d.registerNode, d.registerControlNode, d.registerMember,
	} {
		if err := tell(ctx, c); err != nil {
			return err
		}
	}
	if err := d.renew(ctx, c.lease(), c.invocation()); err != nil {
		return err
	}
	c.told, c.joined = true, true
	return nil
}

// registerConfig makes the configuration that is shared, once.
func (d *Double) registerConfig(ctx context.Context, _ *controller) error {
	config := empty(ClusterConfigKind, "k0s")
	config.SetNamespace(metav1.NamespaceSystem)
	return d.ensure(ctx, config, func() {})
}

func (d *Double) registerNode(ctx context.Context, c *controller) error {
	if !c.worker {
		return nil
	}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: c.host}}
	return d.ensure(ctx, node, func() {
		node.Labels = map[string]string{
			contract.MachineNameLabel: contract.MachineNameValue(c.name), "node-role.kubernetes.io/control-plane": "true",
		}
		node.Spec.ProviderID = c.providerID()
	})
}

func (d *Double) registerControlNode(ctx context.Context, c *controller) error {
	node := empty(ControlNodeKind, c.name)
	if err := d.ensure(ctx, node, func() {
		node.SetLabels(map[string]string{
			"kubernetes.io/hostname": c.name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
		})
		node.SetAnnotations(map[string]string{"autopilot.k0sproject.io/mode": "controller"})
	}); err != nil {
		return err
	}
	return patchStatus(ctx, d.options.Workload, node, func() {
		status := map[string]any{"addresses": []any{map[string]any{"type": "InternalIP", "address": c.address}}}
		if tellsVersion.of(c.release) {
			status["k0sVersion"] = c.release.Release()
		}
		node.Object["status"] = status
	})
}

// registerMember makes the EtcdMember, or renews that of an earlier start: a request to leave is withdrawn.
func (d *Double) registerMember(ctx context.Context, c *controller) error {
	if !c.member {
		return nil
	}
	own := d.etcd.members[c.name]
	object := empty(EtcdMemberKind, c.name)
	if err := d.ensure(ctx, object, func() {
		object.SetLabels(c.labels(object.GetLabels()))
		object.Object["spec"] = map[string]any{"leave": false}
	}); err != nil {
		return err
	}
	return patchStatus(ctx, d.options.Workload, object, func() {
		status := statusOf(object)
		status["peerAddress"], status["memberID"] = own.address, own.id
		d.setJoined(status, "True", "Member joined")
	})
}

// labels are those of its EtcdMember, as its release writes them.
func (c *controller) labels(existing map[string]string) map[string]string {
	labels := maps.Clone(existing)
	if labels == nil {
		labels = map[string]string{}
	}
	if labelsInvocation.of(c.release) {
		labels[invocationLabel] = c.invocation()
		delete(labels, shutdownLabel)
	}
	if labelsLease.of(c.release) {
		labels[leaseLabel] = c.lease()
	}
	return labels
}

// ensure creates an object, or changes the one that is there.
func (d *Double) ensure(ctx context.Context, object client.Object, change func()) error {
	err := d.options.Workload.Get(ctx, client.ObjectKeyFromObject(object), object)
	if apierrors.IsNotFound(err) {
		change()
		err = d.options.Workload.Create(ctx, object)
		if err != nil {
			return fmt.Errorf("creating %T %s: %w", object, object.GetName(), err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("getting %T %s: %w", object, object.GetName(), err)
	}
	return patch(ctx, d.options.Workload, object, func() error {
		change()
		return nil
	})
}

// renew writes a lease with a new time. No holder means that it is released.
func (d *Double) renew(ctx context.Context, name, holder string) error {
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: corev1.NamespaceNodeLease, Name: name}}
	d.renewals++
	return d.ensure(ctx, lease, func() {
		lease.Spec.HolderIdentity = new(holder)
		lease.Spec.LeaseDurationSeconds = new(int32(leaseLife.Seconds()))
		// A clock that stands still is no reason for two renewals to look the same.
		lease.Spec.RenewTime = new(metav1.NewMicroTime(d.now().Add(time.Duration(d.renewals) * time.Microsecond)))
	})
}

// now is the time by the clocks of the machines.
func (d *Double) now() time.Time { return d.options.Clock.Now().Add(-behind) }

func statusOf(object *unstructured.Unstructured) map[string]any {
	status, ok := object.Object["status"].(map[string]any)
	if !ok {
		status = map[string]any{}
		object.Object["status"] = status
	}
	return status
}

// setJoined sets the one condition there is. Its time changes only with its value.
func (d *Double) setJoined(status map[string]any, value, message string) {
	since := d.now().UTC().Format(time.RFC3339)
	if list, _ := status["conditions"].([]any); len(list) > 0 {
		if former, _ := list[0].(map[string]any); former["status"] == value {
			since, _ = former["lastTransitionTime"].(string)
		}
	}
	status["conditions"] = []any{map[string]any{
		"type": "Joined", "status": value, "message": message, "lastTransitionTime": since,
	}}
}
