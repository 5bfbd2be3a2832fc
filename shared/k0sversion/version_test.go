// SPDX-License-Identifier: Apache-2.0

package k0sversion_test

import (
	"cmp"
	"encoding/json"
	"slices"
	"testing"

	"github.com/k0sproject/version"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/shared/k0sversion"
)

func parse(t *testing.T, text string) k0sversion.Version {
	t.Helper()
	parsed, err := k0sversion.Parse(text)
	require.NoError(t, err)
	return parsed
}

func TestForms(t *testing.T) {
	t.Parallel()
	type forms struct {
		Release, ImageTag, Kubernetes, Kubelet string
		Minor, Build                           int
		Written                                bool
	}
	cases := map[string]forms{
		"v1.36.3":         {"v1.36.3+k0s.0", "v1.36.3-k0s.0", "v1.36.3", "v1.36.3+k0s", 36, 0, false},
		"v1.36.3+k0s":     {"v1.36.3+k0s.0", "v1.36.3-k0s.0", "v1.36.3", "v1.36.3+k0s", 36, 0, false},
		"v1.36.3+k0s.0":   {"v1.36.3+k0s.0", "v1.36.3-k0s.0", "v1.36.3", "v1.36.3+k0s", 36, 0, true},
		"v1.36.3+k0s.2":   {"v1.36.3+k0s.2", "v1.36.3-k0s.2", "v1.36.3", "v1.36.3+k0s", 36, 2, true},
		"v1.31.0":         {"v1.31.0+k0s.0", "v1.31.0-k0s.0", "v1.31.0", "v1.31.0+k0s", 31, 0, false},
		"v1.136.13+k0s.0": {"v1.136.13+k0s.0", "v1.136.13-k0s.0", "v1.136.13", "v1.136.13+k0s", 136, 0, true},
		"v1.33.10+k0s.12": {"v1.33.10+k0s.12", "v1.33.10-k0s.12", "v1.33.10", "v1.33.10+k0s", 33, 12, true},
	}
	for text, want := range cases {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			v := parse(t, text)
			build, written := v.Build()
			assert.Equal(t, want, forms{v.Release(), v.ImageTag(), v.Kubernetes(), v.Kubelet(), v.Minor(), build, written})
			assert.Equal(t, text, v.String())
			assert.False(t, v.IsZero())
			assert.Equal(t, parse(t, text), v, "versions written alike are one value")
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ text, advice string }{
		"ImageTag":           {"v1.36.3-k0s.2", "write v1.36.3+k0s.2"},
		"ImageTagWithoutV":   {"1.36.3-k0s.2", "write v1.36.3+k0s.2"},
		"ImageTagNoBuild":    {"v1.36.3-k0s", "write v1.36.3+k0s"},
		"NoV":                {"1.36.3", "write v1.36.3"},
		"NoVWithBuild":       {"1.36.3+k0s.1", "write v1.36.3+k0s.1"},
		"Empty":              {"", "write vX.Y.Z"},
		"MinorOnly":          {"v1.36", "write vX.Y.Z"},
		"FourSegments":       {"v1.36.3.1", "write vX.Y.Z"},
		"LeadingZero":        {"v1.036.3", "write vX.Y.Z"},
		"LeadingZeroBuild":   {"v1.36.3+k0s.02", "write vX.Y.Z"},
		"PreRelease":         {"v1.37.0-rc.1+k0s.0", "write vX.Y.Z"},
		"OtherDistribution":  {"v1.36.3+k3s1", "write vX.Y.Z"},
		"BuildIsNoNumber":    {"v1.36.3+k0s.latest", "write vX.Y.Z"},
		"Latest":             {"latest", "write vX.Y.Z"},
		"TrailingNewline":    {"v1.36.3\n", "write vX.Y.Z"},
		"TooOld":             {"v1.30.14+k0s.0", "v1.31 or later is needed"},
		"OtherMajor":         {"v2.36.3", "v1.31 or later is needed"},
		"OldMajor":           {"v0.36.3", "v1.31 or later is needed"},
		"MoreThanAnInteger":  {"v1.36.99999999999999999999", "parsing"},
		"HugeBuild":          {"v1.36.3+k0s.99999999999999999999", "build number"},
		"DoubleV":            {"vv1.36.3", "write vX.Y.Z"},
		"BuildWithoutNumber": {"v1.36.3+k0s.", "write vX.Y.Z"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parsed, err := k0sversion.Parse(test.text)
			require.Error(t, err)
			assert.Contains(t, err.Error(), test.advice)
			assert.True(t, parsed.IsZero())
		})
	}
}

func TestFromImageTag(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"v1.36.3-k0s.2": "v1.36.3+k0s.2",
		"v1.36.3-k0s":   "v1.36.3+k0s",
		"v1.36.3":       "v1.36.3",
	}
	for tag, want := range cases {
		read, err := k0sversion.FromImageTag(tag)
		require.NoError(t, err)
		assert.Equal(t, want, read.String())
	}
	for _, tag := range []string{"latest", "", "v1.36.3-k0s.2-amd64", "1.36.3-k0s.2"} {
		_, err := k0sversion.FromImageTag(tag)
		require.ErrorContains(t, err, "image tag", tag)
	}
}

func TestImageTagRoundTrip(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"v1.36.3", "v1.36.3+k0s", "v1.36.3+k0s.2"} {
		v := parse(t, text)
		back, err := k0sversion.FromImageTag(v.ImageTag())
		require.NoError(t, err)
		assert.Equal(t, v.Release(), back.String())
	}
}

// inOrder is sorted by release; the strings of one row mean the same release.
func inOrder() [][]string {
	return [][]string{
		{"v1.31.14+k0s.0"},
		{"v1.33.9+k0s.0"},
		{"v1.33.10", "v1.33.10+k0s", "v1.33.10+k0s.0"},
		{"v1.33.10+k0s.2"},
		{"v1.33.10+k0s.10"},
		{"v1.34.0"},
		{"v1.36.3+k0s.2"},
		{"v1.100.0"},
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	for i, left := range inOrder() {
		for j, right := range inOrder() {
			for _, a := range left {
				for _, b := range right {
					assert.Equal(t, cmp.Compare(i, j), parse(t, a).Compare(parse(t, b)), "%s and %s", a, b)
				}
			}
		}
	}
}

// TestCompareAgreesWithK0s holds our order against that of k0s's own library.
func TestCompareAgreesWithK0s(t *testing.T) {
	t.Parallel()
	all := slices.Concat(inOrder()...)
	for _, a := range all {
		for _, b := range all {
			left, right := parse(t, a), parse(t, b)
			theirs := version.MustParse(left.Release()).Compare(version.MustParse(right.Release()))
			assert.Equal(t, theirs, left.Compare(right), "%s and %s", a, b)
		}
	}
}

func TestSameKubernetes(t *testing.T) {
	t.Parallel()
	v := parse(t, "v1.36.3+k0s")
	assert.True(t, v.SameKubernetes(parse(t, "v1.36.3+k0s.2")))
	assert.True(t, v.SameKubernetes(parse(t, "v1.36.3")))
	assert.False(t, v.SameKubernetes(parse(t, "v1.36.2+k0s.2")))
	assert.False(t, v.SameKubernetes(parse(t, "v1.35.3+k0s.2")))
}

func TestZero(t *testing.T) {
	t.Parallel()
	var none k0sversion.Version
	assert.True(t, none.IsZero())
	assert.Empty(t, none.String())
	_, written := none.Build()
	assert.False(t, written)
	assert.False(t, none.Supports(k0sversion.RawArgs))
}

func FuzzParse(f *testing.F) {
	for _, seed := range slices.Concat(inOrder()...) {
		f.Add(seed)
	}
	for _, seed := range []string{"", "v", "v1.36.3-k0s.2", "1.36.3", "v1.36.3+", "v1.36.3+k0s.-1", "v1.36.99999999999999999999"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := k0sversion.Parse(text)
		if err != nil {
			assert.True(t, v.IsZero())
			return
		}
		assert.Equal(t, text, v.String())
		again, err := k0sversion.Parse(v.Release())
		require.NoError(t, err)
		assert.Zero(t, v.Compare(again))
		assert.Equal(t, again.Release(), again.String())
		fromTag, err := k0sversion.FromImageTag(v.ImageTag())
		require.NoError(t, err)
		assert.Equal(t, again, fromTag)
		require.NoError(t, k0sversion.CheckUpgrade(v, again))
	})
}

func TestText(t *testing.T) {
	t.Parallel()
	type holder struct {
		Version k0sversion.Version `json:"version"`
	}
	for _, text := range []string{"v1.36.3", "v1.36.3+k0s.2"} {
		written, err := json.Marshal(holder{Version: parse(t, text)})
		require.NoError(t, err)
		assert.JSONEq(t, `{"version":"`+text+`"}`, string(written))
		var read holder
		require.NoError(t, json.Unmarshal(written, &read))
		assert.Equal(t, parse(t, text), read.Version)
	}
	read := holder{Version: parse(t, "v1.36.3")}
	require.NoError(t, json.Unmarshal([]byte(`{"version":""}`), &read))
	assert.True(t, read.Version.IsZero())
	require.ErrorContains(t, json.Unmarshal([]byte(`{"version":"v1.36.3-k0s.1"}`), &read), "write v1.36.3+k0s.1")
}
