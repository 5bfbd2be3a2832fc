// SPDX-License-Identifier: Apache-2.0

package k0sconfig_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/k0smotron/k0smotron/shared/k0sconfig"
)

func document(t testing.TB, text string) map[string]any {
	t.Helper()
	var parsed map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(text), &parsed))
	return parsed
}

func TestProblems(t *testing.T) {
	t.Parallel()
	for name, test := range problemCases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			facts := k0sconfig.Facts{Version: version(t, "v1.36.3")}
			if test.facts != nil {
				test.facts(&facts)
			}
			_, err := k0sconfig.Effective(document(t, test.user), facts)
			if len(test.want) == 0 {
				require.NoError(t, err)
				return
			}
			var problems k0sconfig.ConfigErrors
			require.ErrorAs(t, err, &problems)
			assert.Len(t, problems, len(test.want), "%v", err)
			for _, problem := range problems {
				want, expected := test.want[problem.Path]
				require.True(t, expected, "unexpected: %v", problem)
				assert.Contains(t, problem.String(), want)
			}
		})
	}
}

// TestAllProblemsAtOnce: a user fixes a document in one go, and the message
// does not change from one pass to the next.
func TestAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	facts := k0sconfig.Facts{Version: version(t, "v1.33.4"), ServiceDomain: "cluster.local"}
	user := document(t, `spec: {network: {clusterDomain: a, kubeProxy: {rawArgs: []}}, api: {port: x, rawArgs: []}}`)
	_, err := k0sconfig.Effective(user, facts)
	var problems k0sconfig.ConfigErrors
	require.ErrorAs(t, err, &problems)
	require.Len(t, problems, 4)
	assert.True(
		t,
		slices.IsSortedFunc(problems, func(a, b k0sconfig.Problem) int { return strings.Compare(a.Path, b.Path) }),
	)
	assert.Len(t, strings.Split(err.Error(), "\n"), 4)
	for range 20 {
		_, again := k0sconfig.Effective(user, facts)
		assert.Equal(t, err, again)
	}
}

// TestSecretsAreNotShown: messages end up in conditions.
func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	for _, facts := range []func(*k0sconfig.Facts){kineFacts, etcdFacts} {
		known := k0sconfig.Facts{Version: version(t, "v1.36.3")}
		facts(&known)
		_, err := k0sconfig.Effective(document(t, storageCases()["OtherDataSource"].user), known)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "hunter")
	}
}

func requireUsefulProblems(t *testing.T, err error) {
	t.Helper()
	var problems k0sconfig.ConfigErrors
	if !errors.As(err, &problems) {
		return
	}
	require.NotEmpty(t, problems)
	for _, problem := range problems {
		require.NotEmpty(t, problem.Path)
		require.NotEmpty(t, problem.Message)
		require.NotEmpty(t, problem.Fix)
	}
}
