// SPDX-License-Identifier: Apache-2.0

package etcd_test

import (
	"crypto/rand"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/child"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/defaults"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/etcd"
	"github.com/k0smotron/k0smotron/shared/k0sversion"
	"github.com/k0smotron/k0smotron/shared/pki"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

var tiger = child.Identity{Namespace: "zoo", Cluster: "tiger"}

func build(t *testing.T, settings controlplanev1.EtcdSpec, image string) etcd.Objects {
	t.Helper()
	objects, err := etcd.Cluster{Identity: tiger, Settings: settings, DefaultImage: image, Certificates: "a"}.Build()
	require.NoError(t, err)
	return objects
}

func flag(t *testing.T, objects etcd.Objects, name string) string {
	t.Helper()
	for _, arg := range objects.StatefulSet.Spec.Template.Spec.Containers[0].Args {
		if value, found := strings.CutPrefix(arg, "--"+name+"="); found {
			return value
		}
	}
	require.Failf(t, "missing flag", "--%s", name)
	return ""
}

// TestQuota: the database never grows so large that the volume fills up before etcd notices.
func TestQuota(t *testing.T) {
	t.Parallel()
	for size, want := range map[string]string{
		"":      "536870912", // of 1Gi
		"256Mi": "134217728",
		"1Gi":   "536870912",
		"2Gi":   "1610612736",
		"8Gi":   "8053063680",
		"100Gi": "8589934592",
	} {
		settings := controlplanev1.EtcdSpec{}
		if size != "" {
			settings.Persistence.Size = resource.MustParse(size)
		}
		assert.Equal(t, want, flag(t, build(t, settings, "i"), "quota-backend-bytes"), size)
	}
}

// TestInputs: the release of etcd that we would take today is no input of one that runs.
func TestInputs(t *testing.T) {
	t.Parallel()
	old, young := build(t, controlplanev1.EtcdSpec{}, "old"), build(t, controlplanev1.EtcdSpec{}, "young")
	assert.Equal(t, old.Rendering.Inputs, young.Rendering.Inputs)
	assert.NotEqual(t, old.Rendering.Output, young.Rendering.Output)

	for name, settings := range map[string]controlplanev1.EtcdSpec{
		"Image":     {Image: "mine"},
		"Resources": {Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": resource.MustParse("1")}}},
	} {
		assert.NotEqual(t, old.Rendering.Inputs, build(t, settings, "old").Rendering.Inputs, name)
	}
	renewed, err := etcd.Cluster{Identity: tiger, DefaultImage: "old", Certificates: "b"}.Build()
	require.NoError(t, err)
	assert.NotEqual(t, old.Rendering.Inputs, renewed.Rendering.Inputs, "Certificates")
}

// TestRestricted: etcd runs under the restricted Pod Security Standard.
func TestRestricted(t *testing.T) {
	t.Parallel()
	pod := build(t, controlplanev1.EtcdSpec{}, "i").StatefulSet.Spec.Template.Spec
	assert.True(t, *pod.SecurityContext.RunAsNonRoot)
	assert.Equal(t, corev1.SeccompProfileTypeRuntimeDefault, pod.SecurityContext.SeccompProfile.Type)
	assert.False(t, *pod.AutomountServiceAccountToken)
	for _, container := range pod.Containers {
		assert.False(t, *container.SecurityContext.AllowPrivilegeEscalation)
		assert.True(t, *container.SecurityContext.ReadOnlyRootFilesystem)
		assert.Equal(t, []corev1.Capability{"ALL"}, container.SecurityContext.Capabilities.Drop)
		assert.Empty(t, container.SecurityContext.Capabilities.Add)
		assert.Equal(t, []string{"etcd"}, container.Command, "no shell")
	}
	for _, volume := range pod.Volumes {
		assert.Nil(t, volume.HostPath)
	}
}

// TestNamesAreInCertificates: everything that is dialled is in the certificate that answers.
func TestNamesAreInCertificates(t *testing.T) {
	t.Parallel()
	issuer := pki.Issuer{Clock: testenv.Clock(), Random: rand.Reader}
	pair, err := issuer.Pair(pki.EtcdCA)
	require.NoError(t, err)
	ca, err := pki.ParseCA(pair)
	require.NoError(t, err)
	names, objects := etcd.NamesOf(tiger), build(t, controlplanev1.EtcdSpec{}, "i")

	server, err := issuer.Issue(ca, pki.EtcdServer(names.ServerNames()...))
	require.NoError(t, err)
	certificate, err := pki.ParseCertificate(server.Cert)
	require.NoError(t, err)
	for _, url := range []string{names.Endpoint(), flag(t, objects, "advertise-client-urls")} {
		assert.NoError(t, certificate.VerifyHostname(host(url)), url)
	}
	assert.NoError(t, certificate.VerifyHostname("127.0.0.1"))

	peer, err := issuer.Issue(ca, pki.EtcdPeer(names.Member(), names.PeerNames()...))
	require.NoError(t, err)
	certificate, err = pki.ParseCertificate(peer.Cert)
	require.NoError(t, err)
	assert.NoError(t, certificate.VerifyHostname(host(flag(t, objects, "initial-advertise-peer-urls"))))
}

func host(url string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(url, "https://"), ":")
	return name
}

func TestDefaultImage(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{
		"v1.31.14+k0s.0": "quay.io/coreos/etcd:v3.5.25",
		"v1.32.13+k0s.0": "quay.io/coreos/etcd:v3.5.27",
		"v1.33.13+k0s.1": "quay.io/coreos/etcd:v3.5.33",
		"v1.34.10+k0s.0": "quay.io/coreos/etcd:v3.6.14",
		"v1.36.3+k0s.2":  "quay.io/coreos/etcd:v3.6.14",
		"v1.40.0+k0s.0":  "quay.io/coreos/etcd:v3.6.14",
	} {
		parsed, err := k0sversion.Parse(version)
		require.NoError(t, err)
		assert.Equal(t, want, defaults.EtcdImage(parsed), version)
	}
}
