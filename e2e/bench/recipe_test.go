// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

func TestAloneDiffersInAddressesAndEtcdOnly(t *testing.T) {
	t.Parallel()
	hosted := recipe{
		args: []string{"controller", "--config=/var/lib/k0s/k0s.yaml", "--enable-dynamic-config", "--disable-components=a,b"},
		env:  []string{"A=b"},
		files: map[string][]byte{
			"authentication.yaml": []byte("kind: AuthenticationConfiguration"), "cluster-wide.yaml": []byte("{}"),
			configFile: []byte(`spec:
  api:
    externalAddress: 10.211.0.200
    extraArgs: {authentication-config: /var/lib/k0s/authentication.yaml}
    port: 6443
    sans: [demo-api, demo-api.default]
  konnectivity: {agentPort: 8132, externalAddress: "10.211.0.200:8132"}
  network: {provider: custom, podCIDR: 10.244.0.0/16}
  storage: {type: etcd, etcd: {externalCluster: {endpoints: ["https://demo-etcd:2379"]}}}
`),
		},
	}
	alone, err := hosted.alone("/dir", "10.211.0.111")
	require.NoError(t, err)
	assert.YAMLEq(t, `spec:
  api:
    externalAddress: 10.211.0.111
    extraArgs: {authentication-config: /dir/authentication.yaml}
    port: 6443
    sans: [demo-api, demo-api.default]
  konnectivity: {agentPort: 8132, externalAddress: "10.211.0.111:8132"}
  network: {provider: custom, podCIDR: 10.244.0.0/16}
  storage: {type: etcd}
`, string(alone.files[configFile]))
	assert.Equal(t, []string{
		"controller", "--config=/dir/k0s.yaml", "--enable-dynamic-config", "--disable-components=a,b", "--data-dir=/dir",
	}, alone.args)
	assert.Equal(t, hosted.env, alone.env)
	assert.Equal(t, hosted.files["authentication.yaml"], alone.files["authentication.yaml"])
	assert.Len(t, alone.files, 2, "only what k0s reads")
}

func TestAloneWantsTheHostedConfiguration(t *testing.T) {
	t.Parallel()
	for _, config := range []string{"", "spec: {}", "[", "spec: {api: {}}", `spec: {api: {externalAddress: ""}}`} {
		_, err := recipe{files: map[string][]byte{configFile: []byte(config)}}.alone("/dir", "10.0.0.1")
		require.ErrorContains(t, err, "reading the hosted configuration", config)
	}
}

func TestEndpointOf(t *testing.T) {
	t.Parallel()
	for external, want := range map[string]string{"10.0.0.1": "10.0.0.1", "10.0.0.1:443": "10.0.0.1", "k.example.org": "k.example.org"} {
		got, err := endpointOf(map[string]any{"api": map[string]any{"externalAddress": external}})
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}

func TestRecipeOf(t *testing.T) {
	t.Parallel()
	files := map[string][]byte{configFile: []byte("spec: {}")}
	pod := func(container corev1.Container) corev1.Pod {
		return corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "another"}, container}}}
	}
	r, err := recipeOf(files, pod(corev1.Container{
		Name: "k0s", Command: []string{"k0s", "controller"}, Args: []string{"--config=x"},
		Env: []corev1.EnvVar{{Name: "A", Value: "b"}, {Name: "NODE", ValueFrom: &corev1.EnvVarSource{}}},
	}))
	require.NoError(t, err)
	assert.Equal(t, recipe{args: []string{"controller", "--config=x"}, env: []string{"A=b"}, files: files}, r)

	_, err = recipeOf(files, corev1.Pod{})
	require.ErrorContains(t, err, "no container called k0s")
	_, err = recipeOf(files, pod(corev1.Container{Name: "k0s", Command: []string{"sh", "-c", "k0s"}}))
	require.ErrorContains(t, err, "does not run k0s")
	_, err = recipeOf(nil, pod(corev1.Container{Name: "k0s", Command: []string{"k0s", "controller"}}))
	require.ErrorContains(t, err, configFile)
}
