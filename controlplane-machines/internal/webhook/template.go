// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/k0sconfig"
)

// +kubebuilder:webhook:path=/validate-controlplane-cluster-x-k8s-io-v1beta2-k0scontrolplanetemplate,mutating=false,failurePolicy=fail,sideEffects=None,groups=controlplane.cluster.x-k8s.io,resources=k0scontrolplanetemplates,verbs=create;update,versions=v1beta2,name=validate.k0scontrolplanetemplate.controlplane.cluster.x-k8s.io,admissionReviewVersions=v1

// Template judges what in K0sControlPlaneTemplates holds for every control plane made from them. It keeps no state.
type Template struct{}

var _ admission.Validator[*controlplanev1.K0sControlPlaneTemplate] = Template{}

// ValidateCreate checks the storage in the k0s configuration, and labels and annotations. The rest of the configuration
// depends on the version, which comes from the topology.
func (Template) ValidateCreate(
	_ context.Context, template *controlplanev1.K0sControlPlaneTemplate,
) (admission.Warnings, error) {
	return nil, judged(&controlplanev1.K0sControlPlaneTemplate{}, template)
}

// ValidateUpdate checks what changes.
func (Template) ValidateUpdate(
	_ context.Context, before, after *controlplanev1.K0sControlPlaneTemplate,
) (admission.Warnings, error) {
	return nil, judged(before, after)
}

// ValidateDelete lets everything go.
func (Template) ValidateDelete(context.Context, *controlplanev1.K0sControlPlaneTemplate) (admission.Warnings, error) {
	return nil, nil
}

func judged(before, after *controlplanev1.K0sControlPlaneTemplate) error {
	was, is := before.Spec.Template, after.Spec.Template
	problems := newDocument(was.Spec.K0sConfigSpec.K0s.Raw, is.Spec.K0sConfigSpec.K0s.Raw)
	problems = append(problems, newMetadata(metadataOfTemplate(was), metadataOfTemplate(is))...)
	return invalid("K0sControlPlaneTemplate", after.Name, problems)
}

func newDocument(before, after []byte) field.ErrorList {
	if string(before) == string(after) {
		return nil
	}
	user, err := k0sconfig.Parse(after)
	if err == nil {
		err = k0sconfig.Joinable(user)
	}
	return problemsOf(err, field.NewPath("spec", "template", "spec", "k0sConfigSpec", "k0s"))
}
