// SPDX-License-Identifier: Apache-2.0

package desired_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/desired"
)

func TestReleaseOf(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ version, image, wantImage, wantRelease, wantError string }{
		"Default": {
			version: "v1.36.3+k0s.2", wantImage: "ghcr.io/k0sproject/k0s:v1.36.3-k0s.2", wantRelease: "v1.36.3+k0s.2",
		},
		"NoBuildMeansZero": {
			version: "v1.36.3", wantImage: "ghcr.io/k0sproject/k0s:v1.36.3-k0s.0", wantRelease: "v1.36.3+k0s.0",
		},
		"Repository": {
			version: "v1.36.3+k0s.2", image: "mirror:5000/k0s", wantImage: "mirror:5000/k0s:v1.36.3-k0s.2",
			wantRelease: "v1.36.3+k0s.2",
		},
		"OtherBuild": {
			version: "v1.36.3+k0s", image: "mirror:5000/k0s:v1.36.3-k0s.2", wantImage: "mirror:5000/k0s:v1.36.3-k0s.2",
			wantRelease: "v1.36.3+k0s.2",
		},
		"OtherRelease": {
			version:   "v1.36.3",
			image:     "k0s:v1.36.4-k0s.0",
			wantError: "spec.image: v1.36.4-k0s.0 is not a build of v1.36.3",
		},
		"TagOfNothing": {version: "v1.36.3", image: "k0s:latest", wantError: "spec.image"},
		"BadVersion":   {version: "latest", wantError: "spec.version"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			release, err := desired.ReleaseOf(tc.version, tc.image)
			if tc.wantError != "" {
				require.ErrorContains(t, err, tc.wantError)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tc.wantImage, release.Image)
			assert.Equal(t, tc.wantRelease, release.Version.Release())
			running, err := desired.ReleaseOfImage(release.Image)
			require.NoError(t, err)
			assert.Equal(t, tc.wantRelease, running.Release(), "what runs is read from the image again")
		})
	}
}

func TestReleaseOfImageWithoutTag(t *testing.T) {
	t.Parallel()
	for _, image := range []string{"", "k0s", "mirror:5000/k0s", "k0s@sha256:abc"} {
		_, err := desired.ReleaseOfImage(image)
		require.Error(t, err, image)
	}
}
