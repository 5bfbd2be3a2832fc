// SPDX-License-Identifier: Apache-2.0

package webhook_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/webhook"
)

func controlPlane(version, config string) *controlplanev1.K0smotronControlPlane {
	c := &controlplanev1.K0smotronControlPlane{}
	c.Name = "tiger"
	c.Spec.Version = version
	c.Spec.K0sConfig.Raw = []byte(config)
	return c
}

func TestDefault(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{
		"1.36.3":        "v1.36.3",
		"1.36.3+k0s.2":  "v1.36.3+k0s.2",
		"v1.36.3+k0s.2": "v1.36.3+k0s.2",
		"latest":        "vlatest", // refused by the schema all the same
		"":              "",
	} {
		c := controlPlane(version, "")
		others := c.DeepCopy()
		require.NoError(t, webhook.ControlPlane{}.Default(t.Context(), c))
		assert.Equal(t, want, c.Spec.Version)
		others.Spec.Version = want
		assert.Empty(t, cmp.Diff(others, c), "nothing else is filled in")
	}
}

// TestProblemsNameThePlace: each thing that is wrong comes with its path, and all come at once.
func TestProblemsNameThePlace(t *testing.T) {
	t.Parallel()
	_, err := webhook.ControlPlane{}.ValidateCreate(t.Context(),
		controlPlane("v1.36.3+k0s.2", `{"kind":"Pod","spec":{"nonsense":1,"api":7}}`))
	require.Error(t, err)
	status, ok := err.(apierrors.APIStatus)
	require.True(t, ok)
	assert.Equal(t, "tiger", status.Status().Details.Name)
	fields := make([]string, 0, len(status.Status().Details.Causes))
	for _, cause := range status.Status().Details.Causes {
		fields = append(fields, cause.Field)
	}
	assert.GreaterOrEqual(t, len(fields), 2)
	for _, field := range fields {
		assert.Contains(t, field, "spec.k0sConfig.")
	}
}

func TestBadDocuments(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ version, config, want string }{
		"NotYAML":   {version: "v1.36.3+k0s.2", config: "{", want: "spec.k0sConfig"},
		"NotAnMap":  {version: "v1.36.3+k0s.2", config: "[]", want: "spec.k0sConfig"},
		"Version":   {version: "v9", config: "{}", want: "spec.version"},
		"WrongKind": {version: "v1.36.3+k0s.2", config: `{"kind":"Pod"}`, want: "kind"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := webhook.ControlPlane{}.ValidateCreate(t.Context(), controlPlane(tc.version, tc.config))
			require.ErrorContains(t, err, tc.want)
		})
	}
}

// TestWhatWasBadMayBecomeGood: an object that an older release let in can be put right, also where its ranges change,
// because nothing runs with a configuration that cannot be used.
func TestWhatWasBadMayBecomeGood(t *testing.T) {
	t.Parallel()
	bad := controlPlane("v1.36.3+k0s.2", `{"spec":{"nonsense":1}}`)
	good := controlPlane("v1.36.3+k0s.2", `{"spec":{"network":{"podCIDR":"10.1.0.0/16"}}}`)
	_, err := webhook.ControlPlane{}.ValidateUpdate(t.Context(), bad, good)
	require.NoError(t, err)
	_, err = webhook.ControlPlane{}.ValidateUpdate(t.Context(), bad, bad.DeepCopy())
	require.NoError(t, err, "and stays as it is until then")
	_, err = webhook.ControlPlane{}.ValidateUpdate(t.Context(), good, bad)
	require.Error(t, err)
	_, err = webhook.ControlPlane{}.ValidateDelete(t.Context(), bad)
	require.NoError(t, err)
}

// TestUpgradeJudgesAgain: a configuration that the next version does not know is refused with the upgrade.
func TestUpgradeJudgesAgain(t *testing.T) {
	t.Parallel()
	const config = `{"spec":{"api":{"ca":{"expiresAfter":"87600h"}}}}`
	_, err := webhook.ControlPlane{}.ValidateCreate(t.Context(), controlPlane("v1.36.3+k0s.2", config))
	require.NoError(t, err)
	_, err = webhook.ControlPlane{}.ValidateCreate(t.Context(), controlPlane("v1.32.13+k0s.0", config))
	require.ErrorContains(t, err, "spec.api.ca")
	_, err = webhook.ControlPlane{}.ValidateUpdate(t.Context(),
		controlPlane("v1.33.13+k0s.1", config), controlPlane("v1.32.13+k0s.0", config))
	require.Error(t, err)
}
