// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const bootstrapKubeconfig = `apiVersion: v1
kind: Config
current-context: k0s
clusters: [{name: k0s, cluster: {server: "https://lb.example:6443", certificate-authority-data: Q0E=}}]
contexts: [{name: k0s, context: {cluster: k0s, user: USER}}]
users: [{name: USER, user: {token: abcdef.0123456789abcdef}}]
`

func encode(t *testing.T, text string) string {
	t.Helper()
	var zipped bytes.Buffer
	writer := gzip.NewWriter(&zipped)
	_, err := writer.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, writer.Close())
	return base64.StdEncoding.EncodeToString(zipped.Bytes())
}

func kubeconfigOf(user string) string {
	return string(bytes.ReplaceAll([]byte(bootstrapKubeconfig), []byte("USER"), []byte(user)))
}

func TestDecodeToken(t *testing.T) {
	config, err := DecodeToken(encode(t, kubeconfigOf("kubelet-bootstrap")) + "\n")
	require.NoError(t, err)
	assert.Equal(t, "https://lb.example:6443", config.Clusters["k0s"].Server)
}

func TestDecodeTokenRefuses(t *testing.T) {
	valid := kubeconfigOf("kubelet-bootstrap")
	without := func(text string) string { return string(bytes.ReplaceAll([]byte(valid), []byte(text), nil)) }
	for name, test := range map[string]struct{ token, message string }{
		"controller's token": {encode(t, kubeconfigOf("controller-bootstrap")), "wrong token type controller-bootstrap"},
		"not base64":         {"%", "decoding join token"},
		"not gzip":           {base64.StdEncoding.EncodeToString([]byte(valid)), "unpacking join token"},
		"cut off":            {encode(t, valid)[:64], "unpacking join token"},
		"not a kubeconfig":   {encode(t, "["), "loading kubeconfig"},
		"no context":         {encode(t, without("current-context: k0s")), "no current context"},
		"no authority":       {encode(t, without(", certificate-authority-data: Q0E=")), "no server"},
		"no token":           {encode(t, without("token: abcdef.0123456789abcdef")), "no bearer token"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := DecodeToken(test.token)
			require.ErrorContains(t, err, test.message)
		})
	}
}

func TestTokenFileMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(path, []byte("x"), 0o600))
	token, err := (&Worker{TokenFile: path}).token()
	require.NoError(t, err)
	assert.Equal(t, "x", token)

	require.NoError(t, os.Chmod(path, 0o640))
	_, err = (&Worker{TokenFile: path}).token()
	require.ErrorContains(t, err, "mode 0640")
	_, err = (&Worker{}).token()
	require.ErrorContains(t, err, "no join token")
}

func TestParseFlags(t *testing.T) {
	flags, err := ParseFlags(" --node-ip=10.0.0.1  --v=2 --bare ")
	require.NoError(t, err)
	assert.Equal(t, Flags{"node-ip": "10.0.0.1", "v": "2", "bare": ""}, flags)
	_, err = ParseFlags("--v 2")
	require.ErrorContains(t, err, `"2" is no flag`)
}

func TestParseTaints(t *testing.T) {
	taints, err := parseTaints([]string{"dedicated=gpu:NoExecute", "node.cluster.x-k8s.io/uninitialized:NoSchedule"})
	require.NoError(t, err)
	assert.Equal(t, []map[string]string{
		{"key": "dedicated", "value": "gpu", "effect": "NoExecute"},
		{"key": "node.cluster.x-k8s.io/uninitialized", "value": "", "effect": "NoSchedule"},
	}, taints)
	for _, text := range []string{"dedicated", "dedicated:Never", "a b:NoSchedule"} {
		_, err := parseTaints([]string{text})
		require.Error(t, err, text)
	}
}

func TestKubeletArgs(t *testing.T) {
	w := &Worker{
		DataDir: "/d", RunDir: "/r", RootDir: "/d/kubelet", NodeName: "node", Labels: []string{"a=b", "c="},
		ExtraArgs: Flags{"v": "5", "hostname-override": "other"}, CloudProvider: "external",
	}
	assert.Equal(t, []string{
		"--cert-dir=/d/kubelet/pki", "--cloud-provider=external", "--config=/r/kubelet/config.yaml",
		"--hostname-override=node", "--kubeconfig=/d/kubelet.conf", "--node-labels=a=b,c=", "--root-dir=/d/kubelet",
		"--runtime-cgroups=/system.slice/containerd.service", "--v=5",
	}, w.kubeletArgs("/r/kubelet/config.yaml"))
}

func TestParseProfile(t *testing.T) {
	profile, err := parseProfile(map[string]string{
		"kubeletConfiguration": `{"kind":"KubeletConfiguration"}`, "pauseImage": `{"image":"pause","version":"1"}`,
	})
	require.NoError(t, err)
	assert.Equal(t, "pause:1", profile.PauseImage.URI())
	_, err = parseProfile(map[string]string{"kubeletConfiguration": "{}"})
	require.ErrorContains(t, err, "reading worker profile")
}
