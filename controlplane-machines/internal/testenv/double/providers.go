// SPDX-License-Identifier: Apache-2.0

package double

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/contract"
)

// dataSecret is the Secret with the data of a config.
func dataSecret(config *bootstrapv1.K0sControllerConfig) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: config.Namespace, Name: config.Name},
		Type:       clusterv1.ClusterSecretType,
		Data:       map[string][]byte{"value": []byte("#cloud-config\n")},
	}
}

// giveData is the bootstrap provider.
func (c caring) giveData(ctx context.Context, config *bootstrapv1.K0sControllerConfig) error {
	if config.UID == "" || config.Status.DataSecretName != "" || c.held[Bootstrap] || !c.mayStart(config.Spec.Role) {
		return nil
	}
	secret := dataSecret(config)
	secret.Labels = contract.ClusterLabels(c.cluster.Name)
	secret.OwnerReferences = []metav1.OwnerReference{
		*metav1.NewControllerRef(config, bootstrapv1.GroupVersion.WithKind("K0sControllerConfig")),
	}
	if err := client.IgnoreAlreadyExists(c.options.Management.Create(ctx, secret)); err != nil {
		return fmt.Errorf("creating bootstrap data: %w", err)
	}
	return patchStatus(ctx, c.options.Management, config, func() {
		config.Status.DataSecretName = secret.Name
		config.Status.Initialization.DataSecretCreated = new(true)
	})
}

// mayStart tells whether a controller of a role may be given its data.
func (c caring) mayStart(role bootstrapv1.ControllerRole) bool {
	if role == bootstrapv1.ControllerRoleFirst {
		provisioned := c.cluster.Status.Initialization.InfrastructureProvisioned
		return provisioned != nil && *provisioned
	}
	for _, other := range c.all {
		if other.Name != c.machine.Name && contract.IsHealthyMember(other) {
			return true
		}
	}
	return false
}

// provision is the infrastructure provider: the machine is there at once, and boots.
func (c caring) provision(
	ctx context.Context, config *bootstrapv1.K0sControllerConfig, infra *unstructured.Unstructured,
) error {
	if config.Status.DataSecretName == "" || infra.GetUID() == "" || c.held[Infrastructure] {
		return nil
	}
	made, known := c.controllers[c.machine.Name]
	if !known {
		booted, err := c.boot(c.machine, config)
		if err != nil {
			return err
		}
		made = booted
	}
	return c.tell(ctx, infra, made)
}

// tell writes what the infrastructure provider knows of a machine.
func (c caring) tell(ctx context.Context, infra *unstructured.Unstructured, made *controller) error {
	if err := patch(ctx, c.options.Management, infra, func() error {
		return unstructured.SetNestedField(infra.Object, made.providerID(), "spec", "providerID")
	}); err != nil {
		return err
	}
	return patchStatus(ctx, c.options.Management, infra, func() {
		infra.Object["status"] = map[string]any{
			"initialization": map[string]any{"provisioned": true},
			"addresses":      []any{map[string]any{"type": "InternalIP", "address": made.address}},
		}
	})
}
