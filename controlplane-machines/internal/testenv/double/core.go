// SPDX-License-Identifier: Apache-2.0

package double

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

// caring is one turn of those who look after one Machine.
type caring struct {
	*Double

	cluster *clusterv1.Cluster
	machine *clusterv1.Machine
	all     []*clusterv1.Machine
}

func (c caring) turn(ctx context.Context) error {
	step := c.lookAfter
	if !c.machine.DeletionTimestamp.IsZero() {
		step = c.terminate
	}
	if err := step(ctx); err != nil {
		return fmt.Errorf("looking after Machine %s: %w", c.machine.Name, err)
	}
	return nil
}

// lookAfter has core's order. What does not exist yet is awaited.
func (c caring) lookAfter(ctx context.Context) error {
	config, infra := &bootstrapv1.K0sControllerConfig{}, c.infraMachine()
	config.Namespace, config.Name = c.machine.Namespace, c.machine.Spec.Bootstrap.ConfigRef.Name
	for _, child := range []client.Object{config, infra} {
		if err := c.adopt(ctx, child); err != nil {
			return err
		}
	}
	if err := c.giveData(ctx, config); err != nil {
		return err
	}
	if err := c.provision(ctx, config, infra); err != nil {
		return err
	}
	return c.report(ctx, config, infra)
}

func (c caring) infraMachine() *unstructured.Unstructured {
	ref := c.machine.Spec.InfrastructureRef
	infra := empty(testenv.InfraGroupVersion.WithKind(ref.Kind), ref.Name)
	infra.SetNamespace(c.machine.Namespace)
	return infra
}

// adopt reads an object behind the Machine and makes the Machine its controller, in the place of the control plane.
func (c caring) adopt(ctx context.Context, child client.Object) error {
	err := c.options.Management.Get(ctx, client.ObjectKeyFromObject(child), child)
	if err != nil {
		return client.IgnoreNotFound(err)
	}
	return patch(ctx, c.options.Management, child, func() error {
		child.SetOwnerReferences(slices.DeleteFunc(child.GetOwnerReferences(), func(o metav1.OwnerReference) bool {
			return o.Kind == c.cluster.Spec.ControlPlaneRef.Kind
		}))
		if err := controllerutil.SetControllerReference(c.machine, child, c.options.Management.Scheme()); err != nil {
			return fmt.Errorf("owning %s: %w", child.GetName(), err)
		}
		return nil
	})
}

// report copies to the Machine what config and infrastructure say.
func (c caring) report(ctx context.Context, config *bootstrapv1.K0sControllerConfig, infra client.Object) error {
	if err := patch(ctx, c.options.Management, c.machine, func() error {
		controllerutil.AddFinalizer(c.machine, clusterv1.MachineFinalizer)
		if name := config.Status.DataSecretName; name != "" {
			c.machine.Spec.Bootstrap.DataSecretName = new(name)
		}
		if made := c.controllers[c.machine.Name]; made != nil && infra.GetUID() != "" {
			c.machine.Spec.ProviderID = made.providerID()
		}
		return nil
	}); err != nil {
		return err
	}
	return patchStatus(ctx, c.options.Management, c.machine, func() { c.fillStatus(config) })
}

func (c caring) fillStatus(config *bootstrapv1.K0sControllerConfig) {
	status := &c.machine.Status
	status.Phase = string(clusterv1.MachinePhasePending)
	if config.Status.DataSecretName != "" {
		status.Initialization.BootstrapDataSecretCreated = new(true)
		status.Phase = string(clusterv1.MachinePhaseProvisioning)
	}
	made := c.controllers[c.machine.Name]
	if made == nil {
		return
	}
	status.Phase = string(clusterv1.MachinePhaseProvisioned)
	status.Initialization.InfrastructureProvisioned = new(true)
	status.Addresses = clusterv1.MachineAddresses{{Type: clusterv1.MachineInternalIP, Address: made.address}}
	if made.worker && made.joined {
		status.Phase = string(clusterv1.MachinePhaseRunning)
		status.NodeRef = clusterv1.MachineNodeReference{Name: made.host}
	}
}

// terminate ends a Machine, unless there are hooks on it.
func (c caring) terminate(ctx context.Context) error {
	switch {
	case c.hooked(clusterv1.PreDrainDeleteHookAnnotationPrefix):
		return c.waits(ctx, clusterv1.MachineDeletingWaitingForPreDrainHookReason)
	case c.hooked(clusterv1.PreTerminateDeleteHookAnnotationPrefix):
		return c.waits(ctx, clusterv1.MachineDeletingWaitingForPreTerminateHookReason)
	}
	c.powerOff(c.machine.Name)
	config := &bootstrapv1.K0sControllerConfig{}
	config.Namespace, config.Name = c.machine.Namespace, c.machine.Spec.Bootstrap.ConfigRef.Name
	for _, child := range []client.Object{c.infraMachine(), config, dataSecret(config)} {
		if err := client.IgnoreNotFound(c.options.Management.Delete(ctx, child)); err != nil {
			return fmt.Errorf("deleting %s: %w", child.GetName(), err)
		}
	}
	return patch(ctx, c.options.Management, c.machine, func() error {
		controllerutil.RemoveFinalizer(c.machine, clusterv1.MachineFinalizer)
		return nil
	})
}

func (c caring) hooked(prefix string) bool {
	return slices.ContainsFunc(slices.Collect(maps.Keys(c.machine.Annotations)), func(key string) bool {
		return strings.HasPrefix(key, prefix)
	})
}

func (c caring) waits(ctx context.Context, reason string) error {
	return patchStatus(ctx, c.options.Management, c.machine, func() {
		conditions.True(c.machine, clusterv1.MachineDeletingCondition, reason, "waiting for hooks")
	})
}

// patch writes what change has changed, and nothing when that is nothing.
func patch(ctx context.Context, c client.Client, object client.Object, change func() error) error {
	before, ok := object.DeepCopyObject().(client.Object)
	if !ok {
		return fmt.Errorf("copying %s: no object", object.GetName())
	}
	if err := change(); err != nil || equality.Semantic.DeepEqual(before, object) {
		return err
	}
	if err := c.Patch(ctx, object, client.MergeFrom(before)); err != nil {
		return fmt.Errorf("patching %T %s: %w", before, before.GetName(), err)
	}
	return nil
}

func patchStatus(ctx context.Context, c client.Client, object client.Object, change func()) error {
	before, ok := object.DeepCopyObject().(client.Object)
	if !ok {
		return fmt.Errorf("copying %s: no object", object.GetName())
	}
	change()
	if equality.Semantic.DeepEqual(before, object) {
		return nil
	}
	if err := c.Status().Patch(ctx, object, client.MergeFrom(before)); err != nil {
		return fmt.Errorf("patching the status of %s: %w", before.GetName(), err)
	}
	return nil
}
