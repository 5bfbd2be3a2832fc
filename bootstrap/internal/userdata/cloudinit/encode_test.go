// SPDX-License-Identifier: Apache-2.0

package cloudinit_test

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/k0smotron/k0smotron/bootstrap/internal/bootstrapdata"
	"github.com/k0smotron/k0smotron/bootstrap/internal/userdata/cloudinit"
)

// decoded is how cloud-init sees the user data.
type decoded struct {
	WriteFiles []struct {
		Path        string `json:"path"`
		Permissions string `json:"permissions"`
		Encoding    string `json:"encoding"`
		Content     string `json:"content"`
	} `json:"write_files"`
	RunCmd [][]string `json:"runcmd"`
}

func decode(t testing.TB, userData []byte) decoded {
	t.Helper()
	require.True(t, strings.HasPrefix(string(userData), "#cloud-config\n"), "cloud-init goes by the first line")
	var d decoded
	require.NoError(t, yaml.UnmarshalStrict(userData, &d))
	return d
}

func (d decoded) content(t testing.TB, i int) string {
	t.Helper()
	file := d.WriteFiles[i]
	if file.Encoding == "" {
		return file.Content
	}
	require.Equal(t, "b64", file.Encoding)
	content, err := base64.StdEncoding.DecodeString(file.Content)
	require.NoError(t, err)
	return string(content)
}

func TestEncodeStartsOneUnitAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, name := range cases(t) {
		userData, err := cloudinit.Encode(build(t, name))
		require.NoError(t, err)
		d := decode(t, userData)
		assert.Equal(t, [][]string{{"systemctl", "enable", "--now", bootstrapdata.Unit}}, d.RunCmd, name)
		assert.NotContains(t, strings.SplitN(string(userData), "\n", 2)[0], "jinja", name)
	}
}

func TestEncodeKeepsSecretsPrivate(t *testing.T) {
	t.Parallel()
	userData, err := cloudinit.Encode(build(t, "everything"))
	require.NoError(t, err)
	modes := map[string]string{}
	for _, file := range decode(t, userData).WriteFiles {
		modes[file.Path] = file.Permissions
	}
	assert.Equal(t, "0600", modes["/etc/k0s/join-token"])
	assert.Equal(t, "0600", modes["/etc/haproxy/certs/ca.crt"], "the control plane asked for nothing: private")
	assert.Equal(t, "0640", modes["/etc/haproxy/haproxy.cfg"])
	for path, mode := range modes {
		assert.NotRegexp(t, "[2367]$", mode, "%s is writable by everybody", path)
	}
}

// TestEncodeKeepsKeysPrivate holds for whoever may log in to a controller.
func TestEncodeKeepsKeysPrivate(t *testing.T) {
	t.Parallel()
	userData, err := cloudinit.Encode(build(t, "controller-first"))
	require.NoError(t, err)
	keys := 0
	for _, file := range decode(t, userData).WriteFiles {
		if strings.HasSuffix(file.Path, ".key") || file.Path == "/etc/k0s/k0s.yaml" {
			assert.Equal(t, "0600", file.Permissions, file.Path)
			keys++
		}
	}
	assert.Equal(t, 5, keys)
}

var printable = regexp.MustCompile(`^[ -~]*$`)

// FuzzEncode proves that every content reaches the machine byte by byte.
func FuzzEncode(f *testing.F) {
	for _, seed := range []string{
		"", "\n", "plain\n", " blank", "\ttab", "a\n  b\n\tc\n", "trailing \n\n\n", "on", "~", "- x", "a: b", "# c", "'", `"`,
		"für", "\xff\xfe", "\x00", "\u0085", "\u2028", "\ufeffbom", "\r\n", "{{ x }}", "%TAG", "---\n...\n", "|", ">", "!!binary x",
		strings.Repeat("long words ", 100), "\x1b[0m", "😀", "a\n\n b\n", "a\t\n",
	} {
		f.Add("/etc/file", []byte(seed))
	}
	f.Fuzz(func(t *testing.T, path string, content []byte) {
		if !printable.MatchString(path) {
			t.Skip("refused by the schema")
		}
		userData, err := cloudinit.Encode(bootstrapdata.Data{
			Files: []bootstrapdata.File{{Path: path, Content: content, Permissions: "0600"}}, Unit: "a.service",
		})
		require.NoError(t, err)
		d := decode(t, userData)
		require.Len(t, d.WriteFiles, 1)
		assert.Equal(t, path, d.WriteFiles[0].Path)
		assert.Equal(t, "0600", d.WriteFiles[0].Permissions)
		assert.Equal(t, string(content), d.content(t, 0))
	})
}

// TestPythonReadsTheSame holds because cloud-init's parser is not Go's.
func TestPythonReadsTheSame(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil || exec.CommandContext(t.Context(), python, "-c", "import yaml").Run() != nil {
		t.Skip("python3 with PyYAML is not installed")
	}
	data := bootstrapdata.Data{Unit: bootstrapdata.Unit}
	for _, content := range []string{"a\n  b\n\tc\n", "trailing \n\n\n", "on", "für", "\x00", "a\t\n", "---\nx: 1\n...\n", "", "\n"} {
		data.Files = append(data.Files, bootstrapdata.File{Path: "/f", Content: []byte(content), Permissions: "0644"})
	}
	userData, err := cloudinit.Encode(data)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "user-data")
	require.NoError(t, os.WriteFile(file, userData, 0o600))

	const script = `
import base64, sys, yaml
for f in yaml.safe_load(open(sys.argv[1]))["write_files"]:
    content = f["content"].encode()
    print(base64.b64encode(base64.b64decode(content) if f.get("encoding") == "b64" else content).decode())
`
	out, err := exec.CommandContext(t.Context(), python, "-c", script, file).CombinedOutput()
	require.NoError(t, err, string(out))
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	require.Len(t, lines, len(data.Files))
	for i, line := range lines {
		assert.Equal(t, base64.StdEncoding.EncodeToString(data.Files[i].Content), line)
	}
}

// TestCloudInitAcceptsTheSchema asks the real cloud-init where there is one.
func TestCloudInitAcceptsTheSchema(t *testing.T) {
	t.Parallel()
	cloudInit, err := exec.LookPath("cloud-init")
	if err != nil {
		t.Skip("cloud-init is not installed")
	}
	for _, name := range cases(t) {
		out, err := exec.CommandContext(t.Context(), cloudInit,
			"schema", "--config-file", filepath.Join("testdata", name, "user-data.yaml")).CombinedOutput()
		assert.NoError(t, err, "%s: %s", name, out)
	}
}
