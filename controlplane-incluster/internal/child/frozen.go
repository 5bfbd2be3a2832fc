// SPDX-License-Identifier: Apache-2.0

package child

import (
	"fmt"
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/k0sconfig"
)

// schema is the version of the inputs' meaning. Raising it rolls every control plane: instead, let new inputs be empty
// when they are not used, so that the hash of old ones stays.
const schema = "1"

// Rendering is what a child was rendered to, and from what.
type Rendering struct {
	// Inputs is the hash of the user's spec and the facts that the child was rendered from.
	Inputs string
	// Output is the hash of what this release renders from them.
	Output string
}

// NewRendering hashes inputs and output.
func NewRendering(inputs, output any) (Rendering, error) {
	in, err := k0sconfig.Hash(schema, inputs)
	if err != nil {
		return Rendering{}, fmt.Errorf("hashing inputs: %w", err)
	}
	out, err := k0sconfig.Hash(schema, output)
	if err != nil {
		return Rendering{}, fmt.Errorf("hashing output: %w", err)
	}
	return Rendering{Inputs: in, Output: out}, nil
}

// Record writes the rendering on the child.
func (r Rendering) Record(meta *metav1.ObjectMeta) {
	Annotate(meta, map[string]string{
		contract.InputsHashAnnotation:    r.Inputs,
		contract.RenderingHashAnnotation: r.Output,
	})
}

// waits tells whether live was rendered from the same inputs by a release that renders something else from them.
func (r Rendering) waits(live metav1.Object) bool {
	annotations := live.GetAnnotations()
	return annotations[contract.InputsHashAnnotation] == r.Inputs &&
		annotations[contract.RenderingHashAnnotation] != r.Output
}

// SettleStatefulSet decides what a StatefulSet should be. The wanted one is recorded as rendered, unless only the
// renderer has changed since live was rendered: then it keeps what runs, and the answer is true: a newer rendering waits.
func SettleStatefulSet(wanted, live *appsv1.StatefulSet, rendering Rendering) (*appsv1.StatefulSet, bool) {
	settled := wanted.DeepCopy()
	if live == nil || !rendering.waits(live) {
		rendering.Record(&settled.ObjectMeta)
		return settled, false
	}
	replicas := settled.Spec.Replicas
	live.Spec.DeepCopyInto(&settled.Spec)
	settled.Spec.Replicas = replicas
	keepRecord(&settled.ObjectMeta, live)
	return settled, true
}

// IsKept tells whether live is all that settled and its owner ask for beside the pods. One for which a newer rendering
// waits is left alone then: applying what the server made of it would only make its defaults ours.
func IsKept(live, settled *appsv1.StatefulSet, owner metav1.Object) bool {
	for key, value := range settled.Labels {
		if live.Labels[key] != value {
			return false
		}
	}
	return metav1.IsControlledBy(live, owner) && ptr.Equal(live.Spec.Replicas, settled.Spec.Replicas)
}

// SettleSecret decides the same for a Secret.
func SettleSecret(wanted, live *corev1.Secret, rendering Rendering) (*corev1.Secret, bool) {
	settled := wanted.DeepCopy()
	if live == nil || !rendering.waits(live) {
		rendering.Record(&settled.ObjectMeta)
		return settled, false
	}
	settled.Data = maps.Clone(live.Data)
	keepRecord(&settled.ObjectMeta, live)
	return settled, true
}

func keepRecord(meta *metav1.ObjectMeta, live metav1.Object) {
	annotations := live.GetAnnotations()
	Rendering{
		Inputs: annotations[contract.InputsHashAnnotation],
		Output: annotations[contract.RenderingHashAnnotation],
	}.Record(meta)
}
