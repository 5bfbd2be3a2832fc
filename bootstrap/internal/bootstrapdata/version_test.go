// SPDX-License-Identifier: Apache-2.0

package bootstrapdata_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/bootstrap/internal/bootstrapdata"
)

func TestResolveVersion(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		config, machine string
		preInstalled    bool
		want            string
		problem         string
	}{
		"FromTheMachine":              {machine: "v1.36.3", want: "v1.36.3+k0s.0"},
		"FromTheMachineWithSuffix":    {machine: "v1.36.3+k0s", want: "v1.36.3+k0s.0"},
		"FromTheMachineWithBuild":     {machine: "v1.36.3+k0s.2", want: "v1.36.3+k0s.2"},
		"FromTheConfig":               {config: "v1.36.3+k0s.2", want: "v1.36.3+k0s.2"},
		"TheConfigNamesTheBuild":      {config: "v1.36.3+k0s.2", machine: "v1.36.3+k0s", want: "v1.36.3+k0s.2"},
		"TheConfigNamesAnotherBuild":  {config: "v1.36.3+k0s.2", machine: "v1.36.3+k0s.1", want: "v1.36.3+k0s.2"},
		"AnotherPatch":                {config: "v1.36.2", machine: "v1.36.3", problem: "spec.version is v1.36.2, but spec.version of the Machine is v1.36.3"},
		"TheFixIsNamed":               {config: "v1.36.2", machine: "v1.36.3+k0s.1", problem: "name a build of v1.36.3"},
		"Nobody":                      {problem: "no k0s version is given: set spec.version here"},
		"NobodyButNoneIsNeeded":       {preInstalled: true},
		"PreInstalledAndTheMachine":   {preInstalled: true, machine: "v1.36.3", want: "v1.36.3+k0s.0"},
		"TheMachineHasTheImageForm":   {machine: "v1.36.3-k0s.2", problem: `spec.version of the Machine "v1.36.3-k0s.2"`},
		"TheMachineHasTheImageForm2":  {config: "v1.36.3", machine: "v1.36.3-k0s.2", problem: "spec.version of the Machine"},
		"TheConfigHasTheImageForm":    {config: "v1.36.3-k0s.2", problem: `spec.version "v1.36.3-k0s.2"`},
		"TheConfigIsWrongNotTheOwner": {config: "latest", machine: "v1.36.3", problem: `spec.version "latest"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			install := bootstrapv1.InstallSpec{PreInstalledK0s: &test.preInstalled}
			version, err := bootstrapdata.ResolveVersion(test.config, test.machine, install)
			if test.problem != "" {
				require.ErrorContains(t, err, test.problem)
				return
			}
			require.NoError(t, err)
			if test.want == "" {
				assert.True(t, version.IsZero())
				return
			}
			assert.Equal(t, test.want, version.Release())
		})
	}
}
