// SPDX-License-Identifier: Apache-2.0

package desired_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/desired"
)

// TestConfigurationIsWhole: the document says all that its two parts say.
func TestConfigurationIsWhole(t *testing.T) {
	t.Parallel()
	f := facts(
		version,
		`{"spec":{"api":{"sans":["a"]},"network":{"provider":"calico","calico":{"mode":"vxlan"}},"telemetry":{"enabled":false}}}`,
	)
	configuration, err := desired.NewConfiguration(f, "5")
	require.NoError(t, err)
	want := map[string]any{
		"apiVersion": "k0s.k0sproject.io/v1beta1", "kind": "ClusterConfig", "metadata": map[string]any{"name": "k0s"},
		"spec": map[string]any{
			"api":       map[string]any{"externalAddress": "192.0.2.10", "port": int64(6443), "sans": []any{"a"}},
			"network":   map[string]any{"provider": "calico", "calico": map[string]any{"mode": "vxlan"}},
			"storage":   map[string]any{"etcd": map[string]any{"extraArgs": map[string]any{"max-learners": "5"}}},
			"telemetry": map[string]any{"enabled": false},
		},
	}
	assert.Empty(t, cmp.Diff(want, configuration.Document))
	assert.True(t, configuration.ManagesEtcd)
	assert.Equal(t, 6443, configuration.Ports.API)
	assert.NotContains(t, configuration.ClusterWide["spec"], "storage", "the other part stays as it is")
}

func TestConfigurationRefuses(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ version, document, want string }{
		"Version":       {"latest", "", "spec.version"},
		"Document":      {version, "{", "spec.k0sConfigSpec.k0s"},
		"UnknownKey":    {version, `{"spec":{"nonsense":1}}`, "spec.nonsense"},
		"Contradiction": {version, `{"spec":{"api":{"externalAddress":"other.example.org"}}}`, "spec.api.externalAddress"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := desired.NewConfiguration(facts(tc.version, tc.document), "")
			require.ErrorContains(t, err, tc.want)
		})
	}
}

// TestConfigurationIsCopied: what is built shares nothing with what the user wrote.
func TestConfigurationIsCopied(t *testing.T) {
	t.Parallel()
	f := facts(version, `{"spec":{"api":{"sans":["a"]}}}`)
	f.ControlPlane.Spec.K0sConfigSpec.Args = []bootstrapv1.ControllerArg{"--debug"}
	before := f.ControlPlane.DeepCopy()
	configuration, err := desired.NewConfiguration(f, "5")
	require.NoError(t, err)
	config, err := desired.ControllerConfig(f, "m1", bootstrapv1.ControllerRoleFirst, configuration)
	require.NoError(t, err)
	config.Spec.Args[0] = "--verbose"
	config.Spec.K0s = runtime.RawExtension{}
	assert.Empty(t, cmp.Diff(before, f.ControlPlane))
}

// TestDecideMaxLearners: decided once, for the first controller, and copied ever after, whatever the version.
func TestDecideMaxLearners(t *testing.T) {
	t.Parallel()
	const users = `{"spec":{"storage":{"etcd":{"extraArgs":{"max-learners":"2"}}}}}`
	config := func(document string) *bootstrapv1.K0sControllerConfig {
		existing := &bootstrapv1.K0sControllerConfig{ObjectMeta: metav1.ObjectMeta{Name: "m1"}}
		existing.Spec.K0s.Raw = []byte(document)
		return existing
	}
	cases := map[string]struct {
		version, document string
		learners          desired.LearnerFacts
		want              desired.MaxLearners
		err               string
	}{
		"First":                {version: version, want: "5"},
		"FirstOldest":          {version: "v1.34.0", want: "5"},
		"FirstOlder":           {version: "v1.33.13+k0s.1"},
		"FirstUsers":           {version: version, document: users, want: "2"},
		"FirstOlderUsers":      {version: "v1.33.13+k0s.1", document: users, want: "2"},
		"Copied":               {version: version, learners: desired.LearnerFacts{Existing: config(users)}, want: "2"},
		"CopiedAbsent":         {version: version, learners: desired.LearnerFacts{Existing: config("{}")}},
		"CopiedAbsentNotUsers": {version: version, document: users, learners: desired.LearnerFacts{Existing: config("")}},
		"CopiedOlder": {
			version:  "v1.33.13+k0s.1",
			learners: desired.LearnerFacts{Existing: config(users)},
			want:     "2",
		},
		"ConfigsAreLost": {version: version, learners: desired.LearnerFacts{Started: true}},
		"ConfigIsBroken": {
			version:  version,
			learners: desired.LearnerFacts{Existing: config("{")},
			err:      "K0sControllerConfig m1",
		},
		"DocumentIsBroken": {version: version, document: "{", err: "spec.k0sConfigSpec.k0s"},
		"VersionIsBroken":  {version: "latest", err: "spec.version"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := desired.DecideMaxLearners(facts(tc.version, tc.document), tc.learners)
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tc.want, got)
		})
	}
}

// TestLearnersAreWritten: present or absent as decided, whatever the user's document says.
func TestLearnersAreWritten(t *testing.T) {
	t.Parallel()
	const users = `{"spec":{"storage":{"etcd":{"extraArgs":{"max-learners":"2","a":"b"}}}}}`
	cases := map[string]struct {
		document string
		learners desired.MaxLearners
		want     any
	}{
		"Added":    {`{}`, "5", map[string]any{"max-learners": "5"}},
		"Replaced": {users, "5", map[string]any{"max-learners": "5", "a": "b"}},
		"Removed":  {users, "", map[string]any{"a": "b"}},
		"None":     {`{}`, "", nil},
		"Kine":     {`{"spec":{"storage":{"type":"kine"}}}`, "5", nil},
		"External": {
			`{"spec":{"storage":{"etcd":{"externalCluster":{"endpoints":["https://a:2379"],"etcdPrefix":"a"}}}}}`,
			"5",
			nil,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			configuration, err := desired.NewConfiguration(facts(version, tc.document), tc.learners)
			require.NoError(t, err)
			arguments, found, err := unstructured.NestedFieldNoCopy(
				configuration.Document,
				"spec",
				"storage",
				"etcd",
				"extraArgs",
			)
			require.NoError(t, err)
			assert.Equal(t, tc.want != nil, found)
			if found {
				assert.Equal(t, tc.want, arguments)
			}
		})
	}
}
