// SPDX-License-Identifier: Apache-2.0

package desired

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/k0sversion"
)

// Live is a Machine that exists and what is behind it.
type Live struct {
	// Machine is the Machine.
	Machine *clusterv1.Machine
	// Infrastructure are the annotations of its infrastructure; nil when that is not there, and then nothing is said about
	// it.
	Infrastructure map[string]string
}

// OutdatedReasons says why a Machine is not what the spec asks for; nothing means that it is. Wishes are compared with the
// wishes it was made from: what a newer release of this provider would render makes no difference.
func OutdatedReasons(f Facts, live Live) ([]string, error) {
	hash, err := InputsHash(f.ControlPlane.Spec.K0sConfigSpec)
	if err != nil {
		return nil, err
	}
	var reasons []string
	if reason := versionReason(live.Machine.Spec.Version, f.ControlPlane.Spec.Version); reason != "" {
		reasons = append(reasons, reason)
	}
	if reason := templateReason(f, live.Infrastructure); reason != "" {
		reasons = append(reasons, reason)
	}
	recorded, made := live.Machine.Annotations[contract.InputsHashAnnotation]
	if made && recorded != hash {
		reasons = append(reasons, "spec.k0sConfigSpec has changed since the machine was made")
	}
	return reasons, nil
}

// versionReason compares as k0s does: vX.Y.Z is the first build of it. What is no version is compared as text.
func versionReason(has, wanted string) string {
	running, errHas := k0sversion.Parse(has)
	wish, errWanted := k0sversion.Parse(wanted)
	same := has == wanted
	if errHas == nil && errWanted == nil {
		same = running.Compare(wish) == 0
	}
	if same {
		return ""
	}
	return fmt.Sprintf("version is %s, and %s is asked for", has, wanted)
}

func templateReason(f Facts, annotations map[string]string) string {
	if annotations == nil {
		return ""
	}
	ref := f.ControlPlane.Spec.MachineTemplate.Spec.InfrastructureRef
	wanted := schema.GroupKind{Group: ref.APIGroup, Kind: ref.Kind}.String()
	groupKind, name := clonedFrom(annotations)
	if groupKind == wanted && name == ref.Name {
		return ""
	}
	return fmt.Sprintf("infrastructure was made from %s %s, and %s %s is asked for", groupKind, name, wanted, ref.Name)
}
