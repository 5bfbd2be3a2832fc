// SPDX-License-Identifier: Apache-2.0

package pki_test

import (
	"crypto/elliptic"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/shared/pki"
)

// standing is one in which nothing has to be done.
func standing(t testing.TB) pki.Standing {
	t.Helper()
	ca := newCA(t)
	leaf := pki.EtcdServer("etcd.example.com", "10.0.0.1")
	pair, err := issuer().Issue(ca, leaf)
	require.NoError(t, err)
	return pki.Standing{Now: now, CA: ca, Wanted: leaf, Current: pair}
}

func TestRenewal(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change func(*testing.T, *pki.Standing)
		reason string
		says   string
	}{
		"Fresh":         {func(*testing.T, *pki.Standing) {}, "", ""},
		"SANsReordered": {func(_ *testing.T, s *pki.Standing) { slices.Reverse(s.Wanted.SANs) }, "", ""},
		"SANsRepeated": {
			func(_ *testing.T, s *pki.Standing) { s.Wanted.SANs = append(s.Wanted.SANs, "10.0.0.1", "") },
			"",
			"",
		},
		"UsagesReordered": {func(_ *testing.T, s *pki.Standing) {
			s.Wanted.Usages = slices.Clone(s.Wanted.Usages)
			slices.Reverse(s.Wanted.Usages)
		}, "", ""},
		"Missing":    {func(_ *testing.T, s *pki.Standing) { s.Current = pki.Pair{} }, "Missing", "no certificate yet"},
		"NoKey":      {func(_ *testing.T, s *pki.Standing) { s.Current.Key = nil }, "Unreadable", "reading key"},
		"NoCert":     {func(_ *testing.T, s *pki.Standing) { s.Current.Cert = nil }, "Unreadable", "reading certificate"},
		"BrokenCert": {func(_ *testing.T, s *pki.Standing) { s.Current.Cert = []byte("text") }, "Unreadable", "no PEM block"},
		"OtherKey": {func(t *testing.T, s *pki.Standing) {
			t.Helper()
			s.Current.Key = sec1(t, ecKey(t, elliptic.P256()))
		}, "OtherKey", "do not belong together"},
		"OtherCA": {func(t *testing.T, s *pki.Standing) {
			t.Helper()
			s.CA = newCA(t)
		}, "OtherIssuer", "not issued by CN=etcd-ca"},
		"OtherName": {
			func(_ *testing.T, s *pki.Standing) { s.Wanted.CommonName = "x" },
			"OtherSubject",
			"wanted is CN=x",
		},
		"OtherGroup": {
			func(_ *testing.T, s *pki.Standing) { s.Wanted.Organization = []string{"g"} },
			"OtherSubject",
			"CN=etcd-server",
		},
		"MoreSANs": {
			func(_ *testing.T, s *pki.Standing) { s.Wanted.SANs = append(s.Wanted.SANs, "new") },
			"OtherNames",
			"new",
		},
		"FewerSANs": {
			func(_ *testing.T, s *pki.Standing) { s.Wanted.SANs = s.Wanted.SANs[:1] },
			"OtherNames",
			"wanted is [etcd.example.com]",
		},
		"OtherUsages": {
			func(_ *testing.T, s *pki.Standing) { s.Wanted.Usages = pki.EtcdClient().Usages },
			"OtherUsages",
			"other usages",
		},
		"BeforeItsTime": {
			func(_ *testing.T, s *pki.Standing) { s.Now = now.Add(pki.LeafLife * 2 / 3).Add(-5 * time.Minute) },
			"",
			"",
		},
		"ThirdLeft": {
			func(_ *testing.T, s *pki.Standing) { s.Now = now.Add(pki.LeafLife*2/3 + time.Minute) },
			"Expiring",
			"2027-11-23T12:00:00Z",
		},
		"Expired": {
			func(_ *testing.T, s *pki.Standing) { s.Now = now.Add(2 * pki.LeafLife) },
			"Expiring",
			"less than a third",
		},
		"FirstReason": {func(_ *testing.T, s *pki.Standing) {
			s.Now, s.Wanted.SANs = now.Add(2*pki.LeafLife), nil
		}, "OtherNames", "wanted is []"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := standing(t)
			test.change(t, &s)
			renewal := pki.RenewalOf(s)
			assert.Equal(t, test.reason, renewal.Reason, renewal.Message)
			assert.Equal(t, test.reason != "", renewal.Due())
			assert.Contains(t, renewal.Message, test.says)
		})
	}
}

// TestRenewalSettles: what is issued because of a renewal needs none.
func TestRenewalSettles(t *testing.T) {
	t.Parallel()
	s := standing(t)
	s.Now = now.Add(pki.LeafLife)
	require.True(t, pki.RenewalOf(s).Due())
	var err error
	s.Current, err = issuerAt(s.Now).Issue(s.CA, s.Wanted)
	require.NoError(t, err)
	assert.False(t, pki.RenewalOf(s).Due())
}

// TestRenewalAtTheEndOfTheCA: a new certificate could not outlive the CA, so
// the last one is not renewed over and over.
func TestRenewalAtTheEndOfTheCA(t *testing.T) {
	t.Parallel()
	s := standing(t)
	last := s.CA.Certificate.NotAfter
	var err error
	s.Current, err = issuerAt(last.Add(-30*24*time.Hour)).Issue(s.CA, s.Wanted)
	require.NoError(t, err)
	s.Now = last.Add(-time.Hour)
	assert.False(t, pki.RenewalOf(s).Due())
}

func TestRenewalTime(t *testing.T) {
	t.Parallel()
	s := standing(t)
	due := pki.RenewalTime(certificateOf(t, s.Current))
	s.Now = due
	assert.False(t, pki.RenewalOf(s).Due())
	s.Now = due.Add(time.Second)
	assert.Equal(t, "Expiring", pki.RenewalOf(s).Reason)
}
