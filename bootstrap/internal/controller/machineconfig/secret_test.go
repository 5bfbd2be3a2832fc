// SPDX-License-Identifier: Apache-2.0

package machineconfig

import (
	"testing"

	"github.com/stretchr/testify/assert"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

// TestSecretGolden pins the Secret around the user data; the user data has golden files of its own.
func TestSecretGolden(t *testing.T) {
	t.Parallel()
	config := &bootstrapv1.K0sWorkerConfig{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "workers-x7k2p"},
		Spec: bootstrapv1.K0sWorkerConfigSpec{InstallSpec: bootstrapv1.InstallSpec{SecretMetadata: bootstrapv1.SecretMetadata{
			Labels:      map[string]bootstrapv1.LabelValue{"team": "blue", "clusterctl.cluster.x-k8s.io/move": ""},
			Annotations: map[string]bootstrapv1.AnnotationValue{"note": "hello"},
		}}},
	}
	scope := &Scope{Config: config, Install: &config.Spec.InstallSpec, Cluster: testenv.Cluster("default")}
	secret := buildSecret(scope, []byte("#cloud-config\n"))
	testenv.GoldenObjects(t, testenv.MustScheme(), "testdata/secret.yaml", secret)
	assert.NotContains(t, config.Spec.SecretMetadata.Labels, "cluster.x-k8s.io/cluster-name", "the spec is not touched")
}
