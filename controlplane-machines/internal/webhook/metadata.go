// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
)

// metadata are labels and annotations that other objects get, and where they stand.
type metadata struct {
	place *field.Path
	value clusterv1.ObjectMeta
}

func metadataOf(spec controlplanev1.K0sControlPlaneSpec) []metadata {
	place := field.NewPath("spec")
	return []metadata{
		{place.Child("machineTemplate", "metadata"), spec.MachineTemplate.ObjectMeta},
		{place.Child("kubeconfigSecretMetadata"), ofSecret(spec.KubeconfigSecretMetadata)},
		{place.Child("k0sConfigSpec", "secretMetadata"), ofSecret(spec.K0sConfigSpec.SecretMetadata)},
	}
}

func metadataOfTemplate(template controlplanev1.K0sControlPlaneTemplateResource) []metadata {
	place := field.NewPath("spec", "template")
	return []metadata{
		{place.Child("metadata"), template.ObjectMeta},
		{place.Child("spec", "machineTemplate", "metadata"), template.Spec.MachineTemplate.ObjectMeta},
		{place.Child("spec", "kubeconfigSecretMetadata"), ofSecret(template.Spec.KubeconfigSecretMetadata)},
		{place.Child("spec", "k0sConfigSpec", "secretMetadata"), ofSecret(template.Spec.K0sConfigSpec.SecretMetadata)},
	}
}

func ofSecret(secret bootstrapv1.SecretMetadata) clusterv1.ObjectMeta {
	return clusterv1.ObjectMeta{Labels: plain(secret.Labels), Annotations: plain(secret.Annotations)}
}

func plain[V ~string](values map[string]V) map[string]string {
	texts := make(map[string]string, len(values))
	for key, value := range values {
		texts[key] = string(value)
	}
	return texts
}

// newMetadata refuses what the API server would refuse on the objects that get it: nothing of the control plane could be
// made then. What stands there already is not judged.
func newMetadata(before, after []metadata) field.ErrorList {
	var list field.ErrorList
	for i, is := range after {
		if !equality.Semantic.DeepEqual(before[i].value, is.value) {
			list = append(list, is.value.Validate(is.place)...)
		}
	}
	return list
}
