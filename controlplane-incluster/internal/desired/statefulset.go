// SPDX-License-Identifier: Apache-2.0

package desired

import (
	"cmp"
	"fmt"
	"maps"
	"path"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/child"
	"github.com/k0smotron/k0smotron/shared/contract"
)

// podInputs is what a pod is rendered from. Add fields with omitempty only, so that the hash of what runs stays.
type podInputs struct {
	Version      string                         `json:"version"`
	Image        string                         `json:"image,omitempty"`
	Flags        []string                       `json:"flags,omitempty"`
	Resources    corev1.ResourceRequirements    `json:"resources,omitzero"`
	Persistence  controlplanev1.PersistenceSpec `json:"persistence,omitzero"`
	Config       string                         `json:"config"`
	Certificates string                         `json:"certificates"`
	Storage      string                         `json:"storage"`
	Restarted    string                         `json:"restarted,omitempty"`
}

// Pods are the pods of a control plane.
type Pods struct {
	// StatefulSet runs them.
	StatefulSet *appsv1.StatefulSet
	// Rendering tells what it was rendered from.
	Rendering child.Rendering
}

// Renderer builds the pods. Its fields are this release's, not the user's: changing them changes nothing that runs.
type Renderer struct {
	// PlacerImage is the image of this provider, whose subcommand places files in the pod.
	PlacerImage string
	// Env are environment variables of every k0s container, for example the proxies of the site.
	Env []corev1.EnvVar
}

// ControlPlane computes the pods. The Secret of config is as it will be: settled.
func (r Renderer) ControlPlane(facts Facts, config Config) (Pods, error) {
	wanted := r.podOf(facts, config)
	statefulSet := &appsv1.StatefulSet{
		ObjectMeta: facts.Identity.Meta(child.RoleControlPlane, NamesOf(facts.Identity).StatefulSet()),
		Spec: appsv1.StatefulSetSpec{
			Replicas:             new(int32(1)),
			RevisionHistoryLimit: new(int32(2)),
			// A pod that never becomes ready must not block its own repair.
			PodManagementPolicy:  appsv1.ParallelPodManagement,
			UpdateStrategy:       appsv1.StatefulSetUpdateStrategy{Type: appsv1.RollingUpdateStatefulSetStrategyType},
			Selector:             &metav1.LabelSelector{MatchLabels: facts.Identity.Selector(child.RoleControlPlane)},
			Template:             wanted.template(),
			VolumeClaimTemplates: claims(facts),
		},
	}
	rendering, err := child.NewRendering(inputsOf(facts, wanted), statefulSet.Spec)
	if err != nil {
		return Pods{}, fmt.Errorf("rendering the control plane pods: %w", err)
	}
	return Pods{StatefulSet: statefulSet, Rendering: rendering}, nil
}

func inputsOf(facts Facts, wanted pod) podInputs {
	return podInputs{
		Version:      facts.Release.Version.Release(),
		Image:        facts.Settings.Image,
		Flags:        facts.Settings.ControlPlaneFlags,
		Resources:    facts.Settings.Resources,
		Persistence:  facts.Settings.Persistence,
		Config:       wanted.configHash,
		Certificates: facts.Certificates,
		Storage:      facts.Storage.Fingerprint,
		Restarted:    facts.Restarted,
	}
}

// claims are the claims of pods whose files are on a PersistentVolumeClaim.
func claims(facts Facts) []corev1.PersistentVolumeClaim {
	if facts.Settings.Persistence.Type != controlplanev1.PersistenceTypePVC {
		return nil
	}
	wanted := facts.Settings.Persistence.PersistentVolumeClaim
	labels := maps.Clone(wanted.ObjectMeta.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, facts.Identity.Selector(child.RoleControlPlane))
	return []corev1.PersistentVolumeClaim{{
		ObjectMeta: metav1.ObjectMeta{Name: volumeData, Labels: labels, Annotations: wanted.ObjectMeta.Annotations},
		Spec:       *wanted.Spec.DeepCopy(),
	}}
}

// dataVolume is the volume for k0s's files; nil when a claim gives it.
func dataVolume(facts Facts) *corev1.Volume {
	switch cmp.Or(facts.Settings.Persistence.Type, controlplanev1.PersistenceTypeEmptyDir) {
	case controlplanev1.PersistenceTypePVC:
		return nil
	case controlplanev1.PersistenceTypeHostPath:
		// A folder for each control plane: they must not find each other's keys.
		below := path.Join(facts.Settings.Persistence.HostPath, facts.Identity.Namespace, facts.Identity.Cluster)
		return &corev1.Volume{Name: volumeData, VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{
			Path: below, Type: new(corev1.HostPathDirectoryOrCreate),
		}}}
	default:
		return emptyDir(volumeData, corev1.StorageMediumDefault)
	}
}

func emptyDir(name string, medium corev1.StorageMedium) *corev1.Volume {
	return &corev1.Volume{
		Name:         name,
		VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: medium}},
	}
}

// PodDisruptionBudget lets one pod at a time go. With a single pod it still must not block the drain of its node.
func PodDisruptionBudget(identity child.Identity) *policyv1.PodDisruptionBudget {
	return &policyv1.PodDisruptionBudget{
		ObjectMeta: identity.Meta(child.RoleControlPlane, NamesOf(identity).StatefulSet()),
		Spec: policyv1.PodDisruptionBudgetSpec{
			MaxUnavailable: new(intstr.FromInt32(1)),
			Selector:       &metav1.LabelSelector{MatchLabels: identity.Selector(child.RoleControlPlane)},
		},
	}
}

// configHash is the fingerprint of everything placed in a pod, so that a change of it restarts the pod.
func configHash(facts Facts, config *corev1.Secret) string {
	return facts.Key.Fingerprint(config.Data[KeyK0sConfig], config.Data[KeyAuthentication])
}

func (p pod) annotations() map[string]string {
	annotations := map[string]string{
		contract.ConfigHashAnnotation:       p.configHash,
		contract.CertificatesHashAnnotation: p.facts.Certificates,
	}
	if p.facts.Restarted != "" {
		annotations[contract.RestartedAnnotation] = p.facts.Restarted
	}
	return annotations
}
