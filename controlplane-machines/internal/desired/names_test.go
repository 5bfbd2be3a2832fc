// SPDX-License-Identifier: Apache-2.0

package desired_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/desired"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

func TestMachineName(t *testing.T) {
	t.Parallel()
	long := "a-name-that-has-exactly-sixty-three-characters-which-is-a-limit"
	cases := map[string]struct{ controlPlane, cluster, template, want string }{
		"Default":      {"stripes", "tiger", "", "stripes-abcde"},
		"Template":     {"stripes", "tiger", "{{ .cluster.name }}-{{.random}}-x", "tiger-abcde-x"},
		"All":          {"stripes", "tiger", "{{.random}}-{{   .k0sControlPlane.name   }}", "abcde-stripes"},
		"Cut":          {long, "tiger", "", "a-name-that-has-exactly-sixty-three-characters-which-is-a-abcde"},
		"CutBehind":    {"stripes", long, "{{ .random }}-{{ .cluster.name }}", "abcde-a-name-that-has-exactly-sixt"},
		"CutBoth":      {long, long, "{{ .cluster.name }}-{{ .random }}-{{ .k0sControlPlane.name }}", ""},
		"Dots":         {"stripes.zoo", "tiger", "", "stripes.zoo-abcde"},
		"CutAtDashes":  {strings.Repeat("a", 52) + "------", "tiger", "", strings.Repeat("a", 52) + "-abcde"},
		"RandomAlone":  {"stripes", "tiger", "{{ .random }}", "abcde"},
		"ExactlyLimit": {strings.Repeat("a", 57), "tiger", "", strings.Repeat("a", 57) + "-abcde"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := facts(version, "")
			f.Cluster.Name, f.ControlPlane.Name = tc.cluster, tc.controlPlane
			f.ControlPlane.Spec.MachineNaming.Template = tc.template
			got := desired.MachineName(f, "abcde")
			assert.LessOrEqual(t, len(got), contract.NameLimit)
			assert.Contains(t, got, "abcde", "what tells two names apart is never cut")
			assert.Empty(t, validation.IsDNS1123Subdomain(got))
			if tc.want != "" {
				assert.Equal(t, tc.want, got)
			}
		})
	}
}

func TestSelector(t *testing.T) {
	t.Parallel()
	selector, err := metav1.ParseToLabelSelector(desired.Selector(facts(version, "")))
	require.NoError(t, err)
	matches, err := metav1.LabelSelectorAsSelector(selector)
	require.NoError(t, err)
	assert.True(
		t,
		matches.Matches(labels.Set(desired.Machine(facts(version, ""), desired.Placement{Name: "m1"}, "").Labels)),
	)
	assert.False(t, matches.Matches(labels.Set(testenv.Machine(namespace, "worker-1").Labels)))
}
