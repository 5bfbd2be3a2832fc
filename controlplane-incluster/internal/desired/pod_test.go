// SPDX-License-Identifier: Apache-2.0

package desired_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/desired"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/k0sversion"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

const year = 365 * 24 * time.Hour

func TestAccessOf(t *testing.T) {
	t.Parallel()
	flags := func(extra map[string]any, raw ...any) map[string]any {
		return map[string]any{"spec": map[string]any{"api": map[string]any{"extraArgs": extra, "rawArgs": raw}}}
	}
	cases := map[string]struct {
		user    map[string]any
		version string
		want    desired.ProbeAccess
	}{
		"New": {version: "v1.36.3+k0s.1", want: desired.ProbeHTTP},
		"OtherFlags": {
			user:    flags(map[string]any{"v": "2"}, "--audit-log-path=-"),
			version: "v1.36.3+k0s.2",
			want:    desired.ProbeHTTP,
		},
		"BuildBefore": {version: "v1.36.3+k0s.0", want: desired.ProbeTCP},
		"MinorBefore": {version: "v1.35.7+k0s.0", want: desired.ProbeTCP},
		"UsersAuthentication": {
			user:    flags(map[string]any{"authentication-config": "/a"}),
			version: "v1.36.3+k0s.2",
			want:    desired.ProbeTCP,
		},
		"UsersAnonymous": {
			user:    flags(map[string]any{"anonymous-auth": "false"}),
			version: "v1.36.3+k0s.2",
			want:    desired.ProbeTCP,
		},
		"UsersOIDC": {
			user:    flags(nil, "--oidc-issuer-url=https://a"),
			version: "v1.36.3+k0s.2",
			want:    desired.ProbeTCP,
		},
		"Nonsense": {user: map[string]any{"spec": "nonsense"}, version: "v1.36.3+k0s.2", want: desired.ProbeHTTP},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			version, err := k0sversion.Parse(tc.version)
			require.NoError(t, err)
			assert.Equal(t, tc.want, desired.AccessOf(tc.user, version))
		})
	}
}

// TestRestartMark: k0s renews its own certificates at a start and at no other time.
func TestRestartMark(t *testing.T) {
	t.Parallel()
	pod := func(age time.Duration) []corev1.Pod {
		return []corev1.Pod{{Status: corev1.PodStatus{StartTime: new(metav1.NewTime(testenv.Now.Add(-age)))}}}
	}
	marked := func(mark string) *appsv1.StatefulSet {
		set := &appsv1.StatefulSet{}
		set.Spec.Template.Annotations = map[string]string{contract.RestartedAnnotation: mark}
		return set
	}
	const old = year * 3 / 4
	oldStart := testenv.Now.Add(-old).Format(time.RFC3339)
	cases := map[string]struct {
		live *appsv1.StatefulSet
		pods []corev1.Pod
		life time.Duration
		want string
	}{
		"NoPods":           {life: year},
		"Young":            {pods: pod(year / 2), life: year},
		"Old":              {pods: pod(old), life: year, want: oldStart},
		"OldWithoutStart":  {pods: []corev1.Pod{{}}, life: year},
		"RestartUnderWay":  {live: marked(oldStart), pods: pod(old), life: year, want: oldStart},
		"RestartedLongAgo": {live: marked("2028-01-01T00:00:00Z"), pods: pod(old), life: year, want: oldStart},
		"MarkStays":        {live: marked(oldStart), pods: pod(31 * 24 * time.Hour), life: year, want: oldStart},
		"OldestCounts":     {pods: append(pod(time.Hour), pod(old)...), life: year, want: oldStart},
		"LongerLife":       {pods: pod(old), life: 2 * year},
		"ShortLife": {
			live: marked(oldStart),
			pods: pod(17 * time.Hour),
			life: 24 * time.Hour,
			want: "2029-12-31T19:00:00Z",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.want, desired.RestartMark(tc.live, tc.pods, tc.life, testenv.Now))
		})
	}
	assert.Equal(t, testenv.Now.Add(-time.Hour+year), desired.LeavesExpire(pod(time.Hour), year))
	assert.True(t, desired.LeavesExpire(nil, year).IsZero())
}

func TestNetworkChange(t *testing.T) {
	t.Parallel()
	config := func(values map[string]any) map[string]any {
		return map[string]any{"spec": map[string]any{"network": values}}
	}
	cases := map[string]struct {
		before, after map[string]any
		want          string
	}{
		"Nothing":          {},
		"DefaultSpeltOut":  {after: config(map[string]any{"podCIDR": "10.244.0.0/16", "provider": "kuberouter"})},
		"DefaultDropped":   {before: config(map[string]any{"serviceCIDR": "10.96.0.0/12"})},
		"Pods":             {after: config(map[string]any{"podCIDR": "10.1.0.0/16"}), want: "spec.network.podCIDR"},
		"Services":         {before: config(map[string]any{"serviceCIDR": "10.1.0.0/16"}), want: "spec.network.serviceCIDR"},
		"Domain":           {after: config(map[string]any{"clusterDomain": "a.b"}), want: "from cluster.local to a.b"},
		"Provider":         {after: config(map[string]any{"provider": "calico"}), want: "spec.network.provider"},
		"SomethingElse":    {after: config(map[string]any{"kubeProxy": map[string]any{"disabled": true}})},
		"NotEvenAnObject":  {before: map[string]any{"spec": 7}, after: map[string]any{"spec": []any{}}},
		"NotEvenTextInIt":  {after: config(map[string]any{"podCIDR": 7})},
		"SeveralNameFirst": {after: config(map[string]any{"provider": "calico", "podCIDR": "10.1.0.0/16"}), want: "podCIDR"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := desired.NetworkChange(tc.before, tc.after)
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.want)
			assert.ErrorContains(t, err, "new Cluster")
		})
	}
	broken := &corev1.Secret{Data: map[string][]byte{desired.KeyK0sConfig: []byte("{")}}
	require.Error(t, desired.CheckNetwork(broken, &corev1.Secret{}))
	require.Error(t, desired.CheckNetwork(&corev1.Secret{}, broken))
}

// TestRendererIsNoInput: what differs between releases changes the output of a rendering and not its inputs.
func TestRendererIsNoInput(t *testing.T) {
	t.Parallel()
	g := readGolden(t, "testdata/etcd-loadbalancer/in.yaml")
	render := func(renderer desired.Renderer, facts desired.Facts) desired.Pods {
		config, err := desired.Configuration(facts)
		require.NoError(t, err)
		pods, err := renderer.ControlPlane(facts, config)
		require.NoError(t, err)
		return pods
	}
	old := render(desired.Renderer{PlacerImage: "a"}, g.facts(t))
	young := render(desired.Renderer{PlacerImage: "b", Env: []corev1.EnvVar{{Name: "A", Value: "b"}}}, g.facts(t))
	assert.Equal(t, old.Rendering.Inputs, young.Rendering.Inputs)
	assert.NotEqual(t, old.Rendering.Output, young.Rendering.Output)

	changes := map[string]func(*desired.Facts){
		"Flags":        func(f *desired.Facts) { f.Settings.ControlPlaneFlags = []string{"--debug"} },
		"Image":        func(f *desired.Facts) { f.Settings.Image = "mirror/k0s:v1.36.3-k0s.2" },
		"Resources":    func(f *desired.Facts) { f.Settings.Resources.Limits = corev1.ResourceList{} },
		"Endpoint":     func(f *desired.Facts) { f.Endpoint.Host = "a.example.org" },
		"Certificates": func(f *desired.Facts) { f.Certificates = "renewed" },
		"Restarted":    func(f *desired.Facts) { f.Restarted = "2030-01-01" },
		"Storage":      func(f *desired.Facts) { f.Storage.Fingerprint = "other" },
		"NodeLocal":    func(f *desired.Facts) { f.Settings.K0sConfig.Raw = []byte(`{"spec":{"api":{"extraArgs":{"v":"9"}}}}`) },
	}
	for name, change := range changes {
		facts := g.facts(t)
		change(&facts)
		if name == "Resources" {
			facts.Settings.Resources.Limits[corev1.ResourceMemory] = *facts.Settings.Storage.Etcd.Persistence.Size.ToDec()
		}
		assert.NotEqual(t, old.Rendering.Inputs, render(desired.Renderer{PlacerImage: "a"}, facts).Rendering.Inputs, name)
	}
	facts := g.facts(t)
	facts.Settings.K0sConfig.Raw = []byte(
		`{"spec":{"api":{"extraArgs":{"audit-log-path":"-"}},"network":{"provider":"custom"}}}`,
	)
	assert.Equal(t, old.Rendering.Inputs, render(desired.Renderer{PlacerImage: "a"}, facts).Rendering.Inputs,
		"cluster-wide values are no input of a pod")
}

func TestConfigurationProblems(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ document, want string }{
		"NotYAML":        {"{", "spec.k0sConfig"},
		"Contradiction":  {`{"spec":{"storage":{"kine":{"dataSource":"sqlite://a"}}}}`, "spec.storage.kine.dataSource"},
		"UnknownSection": {`{"spec":{"nonsense":1}}`, "spec.nonsense"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			facts := readGolden(t, "testdata/kine-clusterip/in.yaml").facts(t)
			facts.Settings.K0sConfig.Raw = []byte(tc.document)
			_, err := desired.Configuration(facts)
			require.ErrorContains(t, err, tc.want)
			assert.NotContains(t, err.Error(), "password")
		})
	}
}

// TestLeafLife: the user may say how long certificates live.
func TestLeafLife(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]time.Duration{
		"":                         year,
		"spec: {api: {port: 443}}": year,
		"spec: {api: {ca: {certificatesExpireAfter: 720h}}}":   720 * time.Hour,
		"spec: {api: {ca: {certificatesExpireAfter: 17520h}}}": 2 * year,
		"spec: {api: {ca: {certificatesExpireAfter: 0s}}}":     year,
		"spec: {api: {ca: {certificatesExpireAfter: soon}}}":   year,
		"spec: {api: {ca: {certificatesExpireAfter: 7}}}":      year,
		"spec: [": year,
	} {
		secret := &corev1.Secret{Data: map[string][]byte{desired.KeyK0sConfig: []byte(config)}}
		assert.Equal(t, want, desired.LeafLife(secret), config)
	}
	assert.Equal(t, year, desired.LeafLife(nil))
}
