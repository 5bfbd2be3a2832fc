// SPDX-License-Identifier: Apache-2.0

package jointoken_test

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/tools/clientcmd"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/yaml"

	"github.com/k0smotron/k0smotron/shared/jointoken"
	"github.com/k0smotron/k0smotron/shared/pki"
)

func newCA(t testing.TB) []byte {
	t.Helper()
	issuer := pki.Issuer{Clock: clocktesting.NewFakePassiveClock(time.Unix(1_800_000_000, 0)), Random: rand.Reader}
	pair, err := issuer.Pair(pki.KubernetesCA)
	require.NoError(t, err)
	return pair.Cert
}

func workerJoin(t testing.TB) jointoken.Join {
	t.Helper()
	return jointoken.Join{
		Role: jointoken.Worker, URL: "https://10.211.0.200:6443", CA: newCA(t),
		Token: jointoken.Token{ID: "abc123", Secret: "0123456789abcdef"},
	}
}

func controllerJoin(t testing.TB) jointoken.Join {
	t.Helper()
	join := workerJoin(t)
	join.Role, join.URL = jointoken.Controller, "https://[fd00::1]:9443/prefix"
	return join
}

// unpack does what `base64 -d | gunzip` does.
func unpack(t testing.TB, token string) string {
	t.Helper()
	packed, err := base64.StdEncoding.DecodeString(token)
	require.NoError(t, err)
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	require.NoError(t, err)
	plain, err := io.ReadAll(reader)
	require.NoError(t, err)
	return string(plain)
}

// pack does what `gzip | base64` does.
func pack(t testing.TB, plain string) string {
	t.Helper()
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	_, err := writer.Write([]byte(plain))
	require.NoError(t, err)
	require.NoError(t, writer.Close())
	return base64.StdEncoding.EncodeToString(packed.Bytes())
}

func encode(t testing.TB, join jointoken.Join) string {
	t.Helper()
	token, err := join.Encode()
	require.NoError(t, err)
	return token
}

func TestEncodeShape(t *testing.T) {
	t.Parallel()
	for user, join := range map[string]jointoken.Join{"kubelet-bootstrap": workerJoin(t), "controller-bootstrap": controllerJoin(t)} {
		t.Run(user, func(t *testing.T) {
			t.Parallel()
			token := encode(t, join)
			assert.NotContains(t, token, "\n")
			var got map[string]any
			require.NoError(t, yaml.Unmarshal([]byte(unpack(t, token)), &got))
			assert.Equal(t, map[string]any{
				"apiVersion": "v1",
				"kind":       "Config",
				"clusters": []any{map[string]any{"name": "k0s", "cluster": map[string]any{
					"server": join.URL, "certificate-authority-data": base64.StdEncoding.EncodeToString(join.CA),
				}}},
				"contexts":        []any{map[string]any{"name": "k0s", "context": map[string]any{"cluster": "k0s", "user": user}}},
				"current-context": "k0s",
				"users": []any{map[string]any{"name": user, "user": map[string]any{
					"token": "abc123.0123456789abcdef",
				}}},
			}, got)
		})
	}
}

// TestEncodeForClientGo: k0s loads the kubeconfig through client-go.
func TestEncodeForClientGo(t *testing.T) {
	t.Parallel()
	join := controllerJoin(t)
	config, err := clientcmd.RESTConfigFromKubeConfig([]byte(unpack(t, encode(t, join))))
	require.NoError(t, err)
	assert.Equal(t, join.URL, config.Host)
	assert.Equal(t, join.Token.String(), config.BearerToken)
	assert.Equal(t, join.CA, config.CAData)
}

func TestEncodeIsStable(t *testing.T) {
	t.Parallel()
	join := workerJoin(t)
	first := encode(t, join)
	for range 5 {
		assert.Equal(t, first, encode(t, join))
	}
	other := join
	other.Token.ID = "zzz999"
	assert.NotEqual(t, first, encode(t, other))
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, join := range []jointoken.Join{workerJoin(t), controllerJoin(t)} {
		token := encode(t, join)
		for _, written := range []string{token, token + "\n", token[:40] + "\r\n" + token[40:]} {
			read, err := jointoken.Decode(written)
			require.NoError(t, err)
			assert.Equal(t, join, read)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change func(*jointoken.Join)
		says   string
	}{
		"NoRole":    {func(j *jointoken.Join) { j.Role = "" }, "neither worker nor controller"},
		"OtherRole": {func(j *jointoken.Join) { j.Role = "etcd" }, `"etcd"`},
		"NoToken":   {func(j *jointoken.Join) { j.Token = jointoken.Token{} }, "parsing join token"},
		"BadToken":  {func(j *jointoken.Join) { j.Token.Secret = "short" }, "parsing join token"},
		"NoCA":      {func(j *jointoken.Join) { j.CA = nil }, "not a PEM certificate"},
		"CAIsKey": {
			func(j *jointoken.Join) { j.CA = []byte("-----BEGIN X-----\n-----END X-----\n") },
			"not a PEM certificate",
		},
		"NoURL":      {func(j *jointoken.Join) { j.URL = "" }, "not of the form https://host:port"},
		"PlainHTTP":  {func(j *jointoken.Join) { j.URL = "http://host:6443" }, "not of the form https://host:port"},
		"NoHost":     {func(j *jointoken.Join) { j.URL = "https://:6443" }, "not of the form https://host:port"},
		"HostOnly":   {func(j *jointoken.Join) { j.URL = "host:6443" }, "not of the form https://host:port"},
		"NotUTF8":    {func(j *jointoken.Join) { j.URL = "https://10.3.0.\xaf43" }, "not of the form https://host:port"},
		"BrokenURL":  {func(j *jointoken.Join) { j.URL = "https://a b" }, "reading URL"},
		"BrokenPort": {func(j *jointoken.Join) { j.URL = "https://a:b" }, "reading URL"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			join := workerJoin(t)
			test.change(&join)
			token, err := join.Encode()
			require.ErrorContains(t, err, test.says)
			require.ErrorContains(t, err, "encoding join token")
			assert.Empty(t, token)
		})
	}
}

// TestDecodeForeign reads what k0s writes itself: another order of keys and,
// from older releases, empty preferences.
func TestDecodeForeign(t *testing.T) {
	t.Parallel()
	join := workerJoin(t)
	read, err := jointoken.Decode(pack(t, unpack(t, encode(t, join))+"preferences: {}\n"))
	require.NoError(t, err)
	assert.Equal(t, join, read)
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	plain := unpack(t, encode(t, workerJoin(t)))
	change := func(old, replacement string) string {
		require.Contains(t, plain, old)
		return pack(t, strings.ReplaceAll(plain, old, replacement))
	}
	edit := func(change func(config map[string]any)) string {
		var config map[string]any
		require.NoError(t, yaml.Unmarshal([]byte(plain), &config))
		change(config)
		written, err := json.Marshal(config)
		require.NoError(t, err)
		return pack(t, string(written))
	}
	double := func(key string) string {
		return edit(func(config map[string]any) {
			list, ok := config[key].([]any)
			require.True(t, ok)
			config[key] = append(list, list[0])
		})
	}
	cases := map[string]struct{ token, says string }{
		"Empty":        {"", "EOF"},
		"NotBase64":    {"!!!", "illegal base64"},
		"NotGzip":      {base64.StdEncoding.EncodeToString([]byte("hello, world")), "gzip"},
		"Truncated":    {encode(t, workerJoin(t))[:400], "unexpected EOF"},
		"NotYAML":      {pack(t, ":"), "reading its kubeconfig"},
		"EmptyYAML":    {pack(t, ""), "not a v1 Config"},
		"OtherKind":    {change("kind: Config", "kind: Conf"), "not a v1 Config"},
		"OtherUser":    {change("kubelet-bootstrap", "admin"), `its user "admin"`},
		"OtherContext": {change("current-context: k0s", "current-context: k3s"), "does not tie its cluster to its user"},
		"OtherToken":   {change("abc123.", "abc123"), "parsing join token"},
		"PlainHTTP":    {change("https://", "http://"), "not of the form https"},
		"UnknownKey":   {pack(t, plain+"extensions: []\n"), "unknown field"},
		"TwoClusters":  {double("clusters"), "2 clusters, 1 contexts and 1 users"},
		"TwoContexts":  {double("contexts"), "1 clusters, 2 contexts and 1 users"},
		"TwoUsers":     {double("users"), "1 clusters, 1 contexts and 2 users"},
		"NoUsers":      {edit(func(c map[string]any) { delete(c, "users") }), "0 users"},
		"KeyTwice":     {pack(t, plain+"kind: Config\n"), "already set in map"},
		"ContextOfNone": {
			change("user: kubelet-bootstrap", "user: controller-bootstrap"),
			"does not tie its cluster to its user",
		},
		"Huge": {pack(t, "# "+strings.Repeat("x", 1<<20)), "larger than 1048576 bytes"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			join, err := jointoken.Decode(test.token)
			require.ErrorContains(t, err, test.says)
			require.ErrorContains(t, err, "decoding join token")
			assert.Zero(t, join)
			assert.NotContains(t, err.Error(), "0123456789abcdef", "errors must not show tokens")
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(f, workerJoin(f)))
	f.Add(encode(f, controllerJoin(f)))
	f.Add(pack(f, "apiVersion: v1\nkind: Config\n"))
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		join, err := jointoken.Decode(text)
		if err != nil {
			return
		}
		requireRoundTrip(t, join)
	})
}

func FuzzRoundTrip(f *testing.F) {
	ca := newCA(f)
	f.Add("worker", "https://10.211.0.200:6443", "abc123", "0123456789abcdef")
	f.Add("controller", "https://[fd00::1]:9443/p?q=%20#f", "zzzzzz", "zzzzzzzzzzzzzzzz")
	f.Add("worker", "https://a/\": {[\n", "abc123", "0123456789abcdef")
	f.Fuzz(func(t *testing.T, role, url, id, secret string) {
		join := jointoken.Join{
			Role: jointoken.Role(role), URL: url, CA: ca, Token: jointoken.Token{ID: id, Secret: secret},
		}
		if _, err := join.Encode(); err != nil {
			return
		}
		requireRoundTrip(t, join)
	})
}

// requireRoundTrip: whatever can be encoded is decoded to the same join.
func requireRoundTrip(t *testing.T, join jointoken.Join) {
	t.Helper()
	token, err := join.Encode()
	require.NoError(t, err)
	read, err := jointoken.Decode(token)
	require.NoError(t, err)
	require.Equal(t, join, read)
}
