// SPDX-License-Identifier: Apache-2.0

// Package webhook does at admission what the schema cannot say: it adds the leading v of spec.version, which the contract
// asks of providers, and it checks spec.k0sConfig, whose fields the schema does not know.
package webhook

import (
	"context"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/desired"
	"github.com/k0smotron/k0smotron/shared/k0sconfig"
)

// +kubebuilder:webhook:path=/mutate-controlplane-cluster-x-k8s-io-v1beta2-k0smotroncontrolplane,mutating=true,failurePolicy=fail,sideEffects=None,groups=controlplane.cluster.x-k8s.io,resources=k0smotroncontrolplanes,verbs=create;update,versions=v1beta2,name=default.k0smotroncontrolplane.controlplane.cluster.x-k8s.io,admissionReviewVersions=v1
// +kubebuilder:webhook:path=/validate-controlplane-cluster-x-k8s-io-v1beta2-k0smotroncontrolplane,mutating=false,failurePolicy=fail,sideEffects=None,groups=controlplane.cluster.x-k8s.io,resources=k0smotroncontrolplanes,verbs=create;update,versions=v1beta2,name=validate.k0smotroncontrolplane.controlplane.cluster.x-k8s.io,admissionReviewVersions=v1

// SetupWithManager registers the webhooks.
func SetupWithManager(mgr ctrl.Manager) error {
	err := ctrl.NewWebhookManagedBy(mgr, &controlplanev1.K0smotronControlPlane{}).
		WithDefaulter(ControlPlane{}).
		WithValidator(ControlPlane{}).
		Complete()
	if err != nil {
		return fmt.Errorf("registering webhooks: %w", err)
	}
	return nil
}

// ControlPlane judges K0smotronControlPlanes. It keeps no state.
type ControlPlane struct{}

var (
	_ admission.Defaulter[*controlplanev1.K0smotronControlPlane] = ControlPlane{}
	_ admission.Validator[*controlplanev1.K0smotronControlPlane] = ControlPlane{}
)

// Default adds the leading v of the version, and does nothing else.
func (ControlPlane) Default(_ context.Context, controlPlane *controlplanev1.K0smotronControlPlane) error {
	if version := controlPlane.Spec.Version; version != "" && !strings.HasPrefix(version, "v") {
		controlPlane.Spec.Version = "v" + version
	}
	return nil
}

// ValidateCreate checks the k0s configuration.
func (ControlPlane) ValidateCreate(
	_ context.Context, controlPlane *controlplanev1.K0smotronControlPlane,
) (admission.Warnings, error) {
	_, problems := effective(controlPlane)
	return nil, invalid(controlPlane, problems)
}

// ValidateUpdate checks the k0s configuration, and that what can never change does not. An object whose configuration
// stays as it is passes: it must be possible to delete one that a newer release would refuse.
func (ControlPlane) ValidateUpdate(
	_ context.Context, before, after *controlplanev1.K0smotronControlPlane,
) (admission.Warnings, error) {
	same := string(before.Spec.K0sConfig.Raw) == string(after.Spec.K0sConfig.Raw) &&
		before.Spec.Version == after.Spec.Version
	if same {
		return nil, nil
	}
	wanted, problems := effective(after)
	if len(problems) == 0 {
		problems = networkChange(before, wanted)
	}
	return nil, invalid(after, problems)
}

// ValidateDelete lets everything go.
func (ControlPlane) ValidateDelete(
	context.Context, *controlplanev1.K0smotronControlPlane,
) (admission.Warnings, error) {
	return nil, nil
}

func path() *field.Path { return field.NewPath("spec", "k0sConfig") }

// effective computes the configuration from what is known at admission: addresses and ranges come later, and the
// controller checks against them.
func effective(controlPlane *controlplanev1.K0smotronControlPlane) (k0sconfig.Config, field.ErrorList) {
	release, err := desired.ReleaseOf(controlPlane.Spec.Version, controlPlane.Spec.Image)
	if err != nil {
		return k0sconfig.Config{}, field.ErrorList{
			field.Invalid(field.NewPath("spec", "version"), controlPlane.Spec.Version, err.Error()),
		}
	}
	user, err := k0sconfig.Parse(controlPlane.Spec.K0sConfig.Raw)
	if err != nil {
		return k0sconfig.Config{}, field.ErrorList{field.Invalid(path(), "(document)", err.Error())}
	}
	config, err := k0sconfig.Effective(user, k0sconfig.Facts{Version: release.Version})
	return config, problemsOf(err)
}

// problemsOf turns what is wrong with the user's document into errors with the path of each.
func problemsOf(err error) field.ErrorList {
	var problems k0sconfig.ConfigErrors
	if !errors.As(err, &problems) {
		if err != nil {
			return field.ErrorList{field.Invalid(path(), "(document)", err.Error())}
		}
		return nil
	}
	list := make(field.ErrorList, 0, len(problems))
	for _, problem := range problems {
		list = append(list, field.Invalid(path().Child(problem.Path), problem.Value, problem.Message+"; "+problem.Fix))
	}
	return list
}

func networkChange(before *controlplanev1.K0smotronControlPlane, wanted k0sconfig.Config) field.ErrorList {
	was, problems := effective(before)
	if len(problems) > 0 {
		return nil // It was not usable before, so nothing runs with it.
	}
	if err := desired.NetworkChange(was.NodeLocal, wanted.NodeLocal); err != nil {
		return field.ErrorList{field.Forbidden(path().Child("spec", "network"), err.Error())}
	}
	return nil
}

func invalid(controlPlane *controlplanev1.K0smotronControlPlane, problems field.ErrorList) error {
	if len(problems) == 0 {
		return nil
	}
	kind := controlplanev1.GroupVersion.WithKind("K0smotronControlPlane").GroupKind()
	return apierrors.NewInvalid(kind, controlPlane.Name, problems)
}
