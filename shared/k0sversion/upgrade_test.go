// SPDX-License-Identifier: Apache-2.0

package k0sversion_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/shared/k0sversion"
)

func TestCheckUpgrade(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ from, to, refusal string }{
		"Same":               {"v1.36.3", "v1.36.3", ""},
		"SameOtherForm":      {"v1.36.3", "v1.36.3+k0s.0", ""},
		"NextBuild":          {"v1.36.3+k0s.1", "v1.36.3+k0s.2", ""},
		"PreviousBuild":      {"v1.36.3+k0s.2", "v1.36.3+k0s.1", ""},
		"NextPatch":          {"v1.36.2", "v1.36.3", ""},
		"PreviousPatch":      {"v1.36.3", "v1.36.2", ""},
		"NextMinor":          {"v1.35.7", "v1.36.0", ""},
		"TwoMinors":          {"v1.34.9", "v1.36.3", "upgrade to v1.35 first"},
		"ManyMinors":         {"v1.31.0", "v1.36.3", "upgrade to v1.32 first"},
		"LowerMinor":         {"v1.36.0", "v1.35.7", "cannot be downgraded"},
		"LowerMinorNewPatch": {"v1.36.0+k0s.0", "v1.35.99+k0s.9", "cannot be downgraded"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := k0sversion.CheckUpgrade(parse(t, test.from), parse(t, test.to))
			if test.refusal == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.refusal)
			assert.ErrorContains(t, err, test.to)
		})
	}
}

func TestReported(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ spec, running, want string }{
		"PlainSpec":            {"v1.36.3", "v1.36.3+k0s.2", "v1.36.3"},
		"PlainSpecUpgrading":   {"v1.37.0", "v1.36.3+k0s.2", "v1.36.3"},
		"K0sSpec":              {"v1.36.3+k0s", "v1.36.3+k0s.2", "v1.36.3+k0s"},
		"K0sSpecUpgrading":     {"v1.37.0+k0s", "v1.36.3+k0s.2", "v1.36.3+k0s"},
		"BuildSpecSame":        {"v1.36.3+k0s.2", "v1.36.3+k0s.2", "v1.36.3+k0s.2"},
		"BuildSpecRunsOther":   {"v1.36.3+k0s.2", "v1.36.3+k0s.0", "v1.36.3+k0s.0"},
		"BuildSpecUpgrading":   {"v1.37.0+k0s.1", "v1.36.3+k0s.2", "v1.36.3+k0s.2"},
		"BuildSpecRunsNoBuild": {"v1.36.3+k0s.2", "v1.36.3", "v1.36.3+k0s.0"},
		"BuildZero":            {"v1.36.3+k0s.0", "v1.36.3+k0s.0", "v1.36.3+k0s.0"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, test.want, k0sversion.Reported(parse(t, test.spec), parse(t, test.running)))
		})
	}
}

// TestReportedSettles is what Cluster API relies on: once the wished release
// runs, status and spec are the same string, whichever form the user chose.
func TestReportedSettles(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"v1.36.3", "v1.36.3+k0s", "v1.36.3+k0s.0", "v1.36.3+k0s.2"} {
		spec := parse(t, text)
		running, err := k0sversion.FromImageTag(spec.ImageTag())
		require.NoError(t, err)
		assert.Equal(t, text, k0sversion.Reported(spec, running))
	}
}

func TestSupports(t *testing.T) {
	t.Parallel()
	cases := map[k0sversion.Feature]struct{ has, lacks []string }{
		k0sversion.HostPortExternalAddress: {
			has:   []string{"v1.31.13", "v1.31.14", "v1.32.10", "v1.33.6", "v1.33.13+k0s.1", "v1.34.0", "v1.34.1", "v1.36.3"},
			lacks: []string{"v1.31.12", "v1.32.9", "v1.33.5+k0s.9"},
		},
		k0sversion.KonnectivityExternalAddress: {
			has:   []string{"v1.31.13", "v1.32.10", "v1.33.6", "v1.34.0", "v1.37.0"},
			lacks: []string{"v1.31.12", "v1.32.8", "v1.33.4"},
		},
		k0sversion.AnonymousHealthAuthConfig: {
			has:   []string{"v1.36.3+k0s.1", "v1.36.3+k0s.2", "v1.36.4", "v1.37.0"},
			lacks: []string{"v1.36.3", "v1.36.3+k0s", "v1.36.3+k0s.0", "v1.36.2+k0s.5", "v1.35.99"},
		},
		k0sversion.UpdateProber: {
			has:   []string{"v1.32.10", "v1.33.6", "v1.36.3+k0s.2"},
			lacks: []string{"v1.31.14", "v1.32.8", "v1.33.5"},
		},
		k0sversion.JoinByEtcdData: {
			has:   []string{"v1.31.5", "v1.32.1", "v1.33.0", "v1.36.3+k0s.2"},
			lacks: []string{"v1.31.4+k0s.9", "v1.32.0+k0s.1"},
		},
		k0sversion.RawArgs:                 {has: []string{"v1.34.0"}, lacks: []string{"v1.33.13"}},
		k0sversion.PrimaryAddressFamily:    {has: []string{"v1.34.0"}, lacks: []string{"v1.33.13"}},
		k0sversion.WindowsImages:           {has: []string{"v1.34.0"}, lacks: []string{"v1.33.13"}},
		k0sversion.KineArgs:                {has: []string{"v1.35.0"}, lacks: []string{"v1.34.10"}},
		k0sversion.CertificateLifetimes:    {has: []string{"v1.33.0"}, lacks: []string{"v1.32.13"}},
		k0sversion.AddonPatches:            {has: []string{"v1.36.0"}, lacks: []string{"v1.35.7"}},
		k0sversion.KubeProxyHealthzAddress: {has: []string{"v1.36.0"}, lacks: []string{"v1.35.7"}},
		k0sversion.TraefikLoadBalancing:    {has: []string{"v1.36.0"}, lacks: []string{"v1.35.7"}},
		"NoSuchFeature":                    {lacks: []string{"v1.31.0", "v1.99.0"}},
	}
	for feature, test := range cases {
		t.Run(string(feature), func(t *testing.T) {
			t.Parallel()
			for _, text := range test.has {
				assert.True(t, parse(t, text).Supports(feature), text)
			}
			for _, text := range test.lacks {
				assert.False(t, parse(t, text).Supports(feature), text)
			}
		})
	}
}

// TestSinceIsOrdered: Supports walks the list in order, and messages print it.
func TestSinceIsOrdered(t *testing.T) {
	t.Parallel()
	features := []k0sversion.Feature{
		k0sversion.HostPortExternalAddress,
		k0sversion.KonnectivityExternalAddress,
		k0sversion.AnonymousHealthAuthConfig,
		k0sversion.PrimaryAddressFamily,
		k0sversion.UpdateProber,
		k0sversion.RawArgs,
		k0sversion.KineArgs,
		k0sversion.CertificateLifetimes,
		k0sversion.AddonPatches,
		k0sversion.KubeProxyHealthzAddress,
		k0sversion.WindowsImages,
		k0sversion.TraefikLoadBalancing,
		k0sversion.JoinByEtcdData,
	}
	for _, feature := range features {
		since := feature.Since()
		require.NotEmpty(t, since, feature)
		for i, start := range since {
			assert.True(t, start.Supports(feature), "%s %s", feature, start)
			assert.Zero(t, start.Compare(parse(t, start.String())), "%s is written as it parses", start)
			if i > 0 {
				assert.Positive(t, start.Compare(since[i-1]))
			}
		}
	}
}
