// SPDX-License-Identifier: Apache-2.0

package workerconfig

import (
	"fmt"
	"maps"
	"strings"

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

// longestToken is more than any encoded join token has.
const longestToken = 4096

// buildUserData renders the bootstrap data of the machine.
func buildUserData(s *scope, joinToken string) ([]byte, error) {
	data, err := bootstrapdata.BuildWorker(bootstrapdata.Worker{
		MachineName: s.machine.Name,
		Version:     s.version,
		Spec:        s.config.Spec,
		Files:       s.files,
		Join:        s.join,
		JoinToken:   joinToken,
	})
	if err != nil {
		return nil, phase.Waiting(bootstrapv1.SpecInvalidReason, err.Error(), 0)
	}
	userData, err := cloudinit.Encode(data)
	if err != nil {
		return nil, fmt.Errorf("encoding user data: %w", err)
	}
	return userData, checkSize(userData, data.Files)
}

// checkUserData finds out before there is a token whether bootstrap data can be made at all.
func checkUserData(s *scope) error {
	_, err := buildUserData(s, strings.Repeat("x", longestToken))
	return err
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
func buildSecret(config *bootstrapv1.K0sWorkerConfig, cluster string, userData []byte) *corev1.Secret {
	labels, annotations := map[string]string{}, map[string]string{}
	for key, value := range config.Spec.SecretMetadata.Labels {
		labels[key] = string(value)
	}
	for key, value := range config.Spec.SecretMetadata.Annotations {
		annotations[key] = string(value)
	}
	maps.Copy(labels, contract.ClusterLabels(cluster))
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: config.Namespace, Name: config.Name, Labels: labels, Annotations: annotations,
		},
		Type: clusterv1.ClusterSecretType,
		Data: map[string][]byte{valueKey: userData, formatKey: []byte(cloudinit.Format)},
	}
}
