// SPDX-License-Identifier: Apache-2.0

//go:build k0scontract

package k0scontract

import (
	"crypto/rand"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/k0smotron/k0smotron/shared/jointoken"
	"github.com/k0smotron/k0smotron/shared/pki"
)

func TestChecks(t *testing.T) {
	n := newNode(t, "checks", nil, nil)
	ran(CaseFlagsAreChecked)
	t.Run(string(CaseFlagsAreChecked), func(t *testing.T) {
		for _, arguments := range [][]string{
			{"controller", "--bogus"},
			{"controller", "--disable-components=bogus"},
			{"controller", "--logging=bogus=1"},
			{"worker", "--bogus"},
			{"install", "worker", "--bogus"},
			{"bogus"},
			{"controller", "--config=/missing.yaml"},
		} {
			code, output := n.exitCode(t, append([]string{"k0s"}, arguments...)...)
			assert.Equal(t, 1, code, "k0s %v: %s", arguments, output)
		}
	})
	ran(CaseConfigIsChecked)
	t.Run(string(CaseConfigIsChecked), func(t *testing.T) {
		for name, hosted := range goldenHosted(t) {
			golden := hosted.Config[configFile]
			assert.Zero(t, n.validate(t, golden), name)
			for _, place := range []string{"", "spec", "spec.konnectivity"} {
				assert.Equal(t, 1, n.validate(t, with(t, golden, place, "bogus", "x")), "%s: unknown key in %q", name, place)
			}
			for place, value := range map[string]string{"spec.storage": "tape", "spec.network": "string"} {
				key := map[string]string{"spec.storage": "type", "spec.network": "provider"}[place]
				assert.Equal(t, 1, n.validate(t, with(t, golden, place, key, value)), "%s: %s.%s: %s", name, place, key, value)
			}
		}
	})
}

// validate is the exit code of k0s for a configuration file.
func (n *node) validate(t *testing.T, content string) int {
	t.Helper()
	n.write(t, "etc/k0s/k0s.yaml", content, 0o600)
	code, _ := n.exitCode(t, "k0s", "config", "validate", "--config=/etc/k0s/k0s.yaml")
	return code
}

// with is a YAML document with one more key.
func with(t *testing.T, document, place, key, value string) string {
	t.Helper()
	var root map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(document), &root))
	object := root
	for step := range strings.SplitSeq(place, ".") {
		if step == "" {
			continue
		}
		if _, found := object[step]; !found {
			object[step] = map[string]any{}
		}
		object = object[step].(map[string]any)
	}
	object[key] = value
	changed, err := yaml.Marshal(root)
	require.NoError(t, err)
	return string(changed)
}

// TestWorkerInstalls runs the one k0s command of every golden user data.
func TestWorkerInstalls(t *testing.T) {
	for name, user := range goldenWorkers(t) {
		t.Run(name, func(t *testing.T) {
			ran(CaseWorkerInstalls)
			n := newNode(t, "worker", nil, nil)
			n.assertInstalls(t, user)
		})
	}
}

// assertInstalls runs the one k0s command of a machine, and looks at the unit that it makes.
func (n *node) assertInstalls(t *testing.T, user UserData) {
	t.Helper()
	code, output := n.exitCode(t, append([]string{"k0s"}, user.Arguments...)...)
	require.Zero(t, code, output)
	unit := n.read(t, path.Join("/etc/systemd/system", user.Parameters["unit"]))
	for _, flag := range user.flags() {
		switch {
		case flag == "--force":
		case strings.HasPrefix(flag, "--env="):
			assert.Contains(t, unit, "Environment=", flag)
			assert.Contains(t, unit, strings.TrimPrefix(flag, "--env="))
		default:
			assert.Contains(t, unit, flagName(flag)+"=", "the unit repeats %s", flag)
		}
	}
	for _, line := range []string{"Restart=always", "KillMode=process"} {
		assert.Contains(t, unit, line)
	}
	code, output = n.exitCode(t, append([]string{"k0s"}, user.Arguments...)...)
	assert.Zero(t, code, "with --force a second time succeeds: %s", output)
	code, _ = n.exitCode(t, "k0s", "install", user.Role())
	assert.Equal(t, 1, code, "without --force a second time fails")
}

// TestWorkerJoins lets a worker get its identity with a token of ours, and refuses tokens that are not a worker's.
func TestWorkerJoins(t *testing.T) {
	hosted := goldenHosted(t)["etcd-loadbalancer"]
	require.NotNil(t, hosted)
	user := goldenWorkers(t)["minimal"]
	c := prepareControlPlane(t, hosted)
	c.startK0s(t)
	ran(CaseWorkerJoins)
	t.Run(string(CaseWorkerJoins), func(t *testing.T) {
		for name, content := range map[string]string{
			"of a controller": c.token(t, jointoken.Controller), "broken": "%", "empty": "",
		} {
			w := newNode(t, "refused", nil, c.node)
			w.write(t, "etc/k0s/join-token", content, 0o600)
			code, output := w.exitCode(
				t,
				"k0s",
				"worker",
				"--ignore-pre-flight-checks",
				"--token-file=/etc/k0s/join-token",
			)
			assert.Equal(t, 1, code, "a token %s: %s", name, output)
		}
		token := user.Parameters["token_file"]
		w := newNode(t, "joins", nil, c.node)
		w.write(t, token, c.token(t, jointoken.Worker), user.Files[token].Mode)
		w.start(t, "worker", "k0s", "worker", "--ignore-pre-flight-checks", "--token-file="+token)
		require.Eventually(t, func() bool { return w.run(t.Context(), "test", "-s", user.Parameters["joined_file"]) == nil },
			patience, time.Second, "the kubelet gets its identity")
		assert.Contains(t, w.read(t, user.Parameters["joined_file"]), "server: "+c.url(), "the token's server stays")
	})
}

// token is a join token that is known to the cluster.
func (c *controlPlane) token(t *testing.T, role jointoken.Role) string {
	t.Helper()
	token, err := jointoken.New(rand.Reader)
	require.NoError(t, err)
	secret := jointoken.BootstrapSecret(token, role, time.Now().Add(time.Hour))
	_, err = c.kube(t).CoreV1().Secrets(secret.Namespace).Create(t.Context(), secret, metav1.CreateOptions{})
	require.NoError(t, err)
	text, err := jointoken.Join{Role: role, URL: c.url(), CA: c.pairs[pki.KubernetesCA].Cert, Token: token}.Encode()
	require.NoError(t, err)
	return text
}
