// SPDX-License-Identifier: Apache-2.0

package machineconfig

import (
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/bootstrap/internal/bootstrapdata"
	"github.com/k0smotron/k0smotron/bootstrap/internal/userdata/cloudinit"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/phase"
)

// Keys of the Secret, as infrastructure providers read it.
const (
	valueKey  = "value"
	formatKey = "format"
)

// maxUserData is what fits into a Secret beside the rest of it.
const maxUserData = corev1.MaxSecretSize - 1024

// UserData encodes bootstrap data for the machine, or says why there is none: problem is what is wrong with the spec.
func UserData(data bootstrapdata.Data, problem error) ([]byte, error) {
	if problem != nil {
		return nil, phase.Waiting(bootstrapv1.SpecInvalidReason, problem.Error(), 0)
	}
	userData, err := cloudinit.Encode(data)
	if err != nil {
		return nil, fmt.Errorf("encoding user data: %w", err)
	}
	return userData, checkSize(userData, data.Files)
}

// checkSize refuses what no Secret can hold. Many clouds accept less; that is theirs to say.
func checkSize(userData []byte, files []bootstrapdata.File) error {
	if len(userData) <= maxUserData {
		return nil
	}
	largest := files[0]
	for _, file := range files {
		if len(file.Content) > len(largest.Content) {
			largest = file
		}
	}
	return phase.Waiting(bootstrapv1.UserDataTooLargeReason, fmt.Sprintf(
		"the bootstrap data has %d KiB, a Secret holds %d KiB: make spec.files smaller or let a command fetch them, "+
			"the largest is %s with %d KiB",
		len(userData)>>10, maxUserData>>10, largest.Path, len(largest.Content)>>10), 0)
}

// buildSecret is the Secret by which the infrastructure provider gets the bootstrap data. It has the config's name, so
// that a pass that was cut off cannot leave a second one.
func buildSecret(s *Scope, userData []byte) *corev1.Secret {
	labels, annotations := map[string]string{}, map[string]string{}
	for key, value := range s.Install.SecretMetadata.Labels {
		labels[key] = string(value)
	}
	for key, value := range s.Install.SecretMetadata.Annotations {
		annotations[key] = string(value)
	}
	maps.Copy(labels, contract.ClusterLabels(s.Cluster.Name))
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.Config.GetNamespace(), Name: s.Config.GetName(), Labels: labels, Annotations: annotations,
		},
		Type: clusterv1.ClusterSecretType,
		Data: map[string][]byte{valueKey: userData, formatKey: []byte(cloudinit.Format)},
	}
}
