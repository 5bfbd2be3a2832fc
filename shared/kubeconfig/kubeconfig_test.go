// SPDX-License-Identifier: Apache-2.0

package kubeconfig_test

import (
	"crypto/rand"
	"crypto/x509"
	"errors"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/k0smotron/k0smotron/shared/kubeconfig"
	"github.com/k0smotron/k0smotron/shared/pki"
)

// today is the time of all tests here, to the second as certificates have it.
var today = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func issuerAt(t time.Time) pki.Issuer {
	return pki.Issuer{Clock: clocktesting.NewFakePassiveClock(t), Random: rand.Reader}
}

func clusterCA(t testing.TB) pki.CA {
	t.Helper()
	pair, err := issuerAt(today).Pair(pki.KubernetesCA)
	require.NoError(t, err)
	ca, err := pki.ParseCA(pair)
	require.NoError(t, err)
	return ca
}

func demo() kubeconfig.Admin {
	return kubeconfig.Admin{Cluster: "demo", Server: "https://10.211.0.200:6443"}
}

func build(t testing.TB, issuer pki.Issuer, ca pki.CA) []byte {
	t.Helper()
	written, err := kubeconfig.Build(issuer, ca, demo())
	require.NoError(t, err)
	return written
}

func TestBuild(t *testing.T) {
	t.Parallel()
	ca := clusterCA(t)
	config, err := clientcmd.Load(build(t, issuerAt(today), ca))
	require.NoError(t, err)
	require.NoError(t, clientcmd.ConfirmUsable(*config, ""))
	assert.Equal(t, "demo-admin@demo", config.CurrentContext)
	require.Len(t, config.Contexts, 1)
	require.Len(t, config.Clusters, 1)
	require.Len(t, config.AuthInfos, 1)
	assert.Equal(t, "demo", config.Contexts["demo-admin@demo"].Cluster)
	assert.Equal(t, "demo-admin", config.Contexts["demo-admin@demo"].AuthInfo)
	assert.Equal(t, "https://10.211.0.200:6443", config.Clusters["demo"].Server)
	assert.Equal(t, ca.PEM, config.Clusters["demo"].CertificateAuthorityData)
	assert.False(t, config.Clusters["demo"].InsecureSkipTLSVerify)
}

// TestBuildIsAdmin checks the client certificate as kube-apiserver does.
func TestBuildIsAdmin(t *testing.T) {
	t.Parallel()
	ca := clusterCA(t)
	content, err := kubeconfig.Parse(build(t, issuerAt(today), ca))
	require.NoError(t, err)
	certificate, err := pki.ParseCertificate(content.Client.Cert)
	require.NoError(t, err)
	assert.Equal(t, "CN=kubernetes-admin,O=system:masters", certificate.Subject.String())
	assert.Equal(t, today.Add(365*24*time.Hour), certificate.NotAfter)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(ca.PEM))
	_, err = certificate.Verify(x509.VerifyOptions{
		Roots: roots, CurrentTime: today, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	require.NoError(t, err)
}

func TestBuildFails(t *testing.T) {
	t.Parallel()
	ca := clusterCA(t)
	for _, admin := range []kubeconfig.Admin{{}, {Cluster: "demo"}, {Server: "https://host"}} {
		_, err := kubeconfig.Build(issuerAt(today), ca, admin)
		require.ErrorContains(t, err, "cluster name and server are needed")
	}
	broken := issuerAt(today)
	broken.Random = iotest.ErrReader(errors.New("no entropy"))
	_, err := kubeconfig.Build(broken, ca, demo())
	require.ErrorContains(t, err, "building kubeconfig: issuing certificate kubernetes-admin")
}

// edited changes a kubeconfig as somebody with kubectl might.
func edited(t testing.TB, written []byte, edit func(*clientcmdapi.Config)) []byte {
	t.Helper()
	config, err := clientcmd.Load(written)
	require.NoError(t, err)
	edit(config)
	again, err := clientcmd.Write(*config)
	require.NoError(t, err)
	return again
}

func TestParse(t *testing.T) {
	t.Parallel()
	ca := clusterCA(t)
	written := build(t, issuerAt(today), ca)
	content, err := kubeconfig.Parse(written)
	require.NoError(t, err)
	assert.Equal(t, demo().Server, content.Server)
	assert.Equal(t, ca.PEM, content.CA)
	_, err = pki.ParseKey(content.Client.Key)
	require.NoError(t, err)

	cases := map[string]struct {
		text []byte
		says string
	}{
		"Empty":     {nil, `there is no context ""`},
		"NotYAML":   {[]byte("\t"), "reading kubeconfig"},
		"OtherKind": {[]byte("apiVersion: v1\nkind: Pod\n"), "reading kubeconfig"},
		"NoContext": {edited(t, written, func(c *clientcmdapi.Config) { c.CurrentContext = "other" }), `no context "other"`},
		"NoCluster": {
			edited(t, written, func(c *clientcmdapi.Config) { delete(c.Clusters, "demo") }),
			"cluster or user that is missing",
		},
		"NoUser": {
			edited(t, written, func(c *clientcmdapi.Config) { delete(c.AuthInfos, "demo-admin") }),
			"cluster or user that is missing",
		},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content, err := kubeconfig.Parse(test.text)
			require.ErrorContains(t, err, test.says)
			assert.Zero(t, content)
		})
	}
}

func TestRenewalOf(t *testing.T) {
	t.Parallel()
	const life = pki.LeafLife
	cases := map[string]struct {
		change func(*testing.T, *kubeconfig.Standing)
		reason string
	}{
		"Fresh":          {func(*testing.T, *kubeconfig.Standing) {}, ""},
		"BeforeHalfTime": {func(_ *testing.T, s *kubeconfig.Standing) { s.Now = today.Add(life/2 - 5*time.Minute) }, ""},
		"HalfTime":       {func(_ *testing.T, s *kubeconfig.Standing) { s.Now = today.Add(life / 2) }, "Expiring"},
		"Expired":        {func(_ *testing.T, s *kubeconfig.Standing) { s.Now = today.Add(2 * life) }, "Expiring"},
		"Missing":        {func(_ *testing.T, s *kubeconfig.Standing) { s.Current = nil }, "Missing"},
		"Unreadable":     {func(_ *testing.T, s *kubeconfig.Standing) { s.Current = []byte("{") }, "Unreadable"},
		"NoContext":      {func(_ *testing.T, s *kubeconfig.Standing) { s.Current = []byte("{}") }, "Unreadable"},
		"OtherServer":    {func(_ *testing.T, s *kubeconfig.Standing) { s.Admin.Server = "https://new:6443" }, "OtherServer"},
		"OtherCA": {func(t *testing.T, s *kubeconfig.Standing) {
			t.Helper()
			s.CA = clusterCA(t)
		}, "OtherCA"},
		"SpaceAroundCA": {func(t *testing.T, s *kubeconfig.Standing) {
			t.Helper()
			s.Current = edited(t, s.Current, func(c *clientcmdapi.Config) {
				c.Clusters["demo"].CertificateAuthorityData = append([]byte("\n"), c.Clusters["demo"].CertificateAuthorityData...)
			})
		}, ""},
		"NoClientCertificate": {func(t *testing.T, s *kubeconfig.Standing) {
			t.Helper()
			s.Current = edited(t, s.Current, func(c *clientcmdapi.Config) {
				c.AuthInfos["demo-admin"] = &clientcmdapi.AuthInfo{Token: "secret"}
			})
		}, "Missing"},
		"OtherIssuer": {func(t *testing.T, s *kubeconfig.Standing) {
			t.Helper()
			other := build(t, issuerAt(today), clusterCA(t))
			s.Current = edited(t, other, func(c *clientcmdapi.Config) { c.Clusters["demo"].CertificateAuthorityData = s.CA.PEM })
		}, "OtherIssuer"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ca := clusterCA(t)
			standing := kubeconfig.Standing{Now: today, CA: ca, Admin: demo(), Current: build(t, issuerAt(today), ca)}
			test.change(t, &standing)
			renewal := kubeconfig.RenewalOf(standing)
			assert.Equal(t, test.reason, renewal.Reason, renewal.Message)
			assert.Equal(t, test.reason != "", renewal.Due())
			assert.Equal(t, test.reason == "", renewal.Message == "")
			assert.NotContains(t, renewal.Message, "PRIVATE", "messages must not show keys")
		})
	}
}

// TestRenewalSettles: what is built because of a renewal needs none.
func TestRenewalSettles(t *testing.T) {
	t.Parallel()
	ca := clusterCA(t)
	standing := kubeconfig.Standing{
		Now:     today.Add(300 * 24 * time.Hour),
		CA:      ca,
		Admin:   demo(),
		Current: build(t, issuerAt(today), ca),
	}
	require.True(t, kubeconfig.RenewalOf(standing).Due())
	standing.Current = build(t, issuerAt(standing.Now), ca)
	assert.False(t, kubeconfig.RenewalOf(standing).Due())
}

// TestRenewalAtTheEndOfTheCA: the last certificate is not renewed over and over.
func TestRenewalAtTheEndOfTheCA(t *testing.T) {
	t.Parallel()
	ca := clusterCA(t)
	last := ca.Certificate.NotAfter
	current := build(t, issuerAt(last.Add(-30*24*time.Hour)), ca)
	standing := kubeconfig.Standing{Now: last.Add(-time.Hour), CA: ca, Admin: demo(), Current: current}
	assert.False(t, kubeconfig.RenewalOf(standing).Due())
	content, err := kubeconfig.Parse(current)
	require.NoError(t, err)
	due, err := kubeconfig.RenewalTime(content)
	require.NoError(t, err)
	assert.Equal(t, last, due, "or a manager would look again at once, for ever")
}

func TestRenewalTime(t *testing.T) {
	t.Parallel()
	ca := clusterCA(t)
	current := build(t, issuerAt(today), ca)
	content, err := kubeconfig.Parse(current)
	require.NoError(t, err)
	due, err := kubeconfig.RenewalTime(content)
	require.NoError(t, err)
	standing := kubeconfig.Standing{Now: due, CA: ca, Admin: demo(), Current: current}
	assert.True(t, kubeconfig.RenewalOf(standing).Due())
	standing.Now = due.Add(-time.Second)
	assert.False(t, kubeconfig.RenewalOf(standing).Due())
	_, err = kubeconfig.RenewalTime(kubeconfig.Content{})
	require.ErrorContains(t, err, "client certificate")
	_, err = kubeconfig.RenewalTime(kubeconfig.Content{Client: content.Client})
	require.ErrorContains(t, err, "reading CA")
}
