// SPDX-License-Identifier: Apache-2.0

package mgmt

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/tools/clientcmd"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/yaml"

	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

func paths(t *testing.T) layout.Paths {
	t.Helper()
	dir := t.TempDir()
	return layout.Paths{
		State: filepath.Join(dir, "state"),
		Run:   filepath.Join(dir, "run"),
		Cache: filepath.Join(dir, "cache"),
	}
}

func TestRenderedConfigurationIsWellFormed(t *testing.T) {
	t.Parallel()
	p := paths(t)
	rendered, err := render(p)
	require.NoError(t, err)
	require.Len(t, rendered, len(configs()))
	for name, content := range rendered {
		assert.NotContains(t, string(content), "{{", name)
		switch filepath.Ext(name) {
		case ".yaml":
			var object map[string]any
			require.NoError(t, yaml.UnmarshalStrict(content, &object), name)
			assert.NotEmpty(t, object["kind"], name)
		case ".conflist":
			assert.True(t, json.Valid(content), name)
		}
	}
}

func TestNothingIsSharedWithTheHost(t *testing.T) {
	t.Parallel()
	p := paths(t)
	rendered, err := render(p)
	require.NoError(t, err)

	containerd := string(rendered["containerd.toml"])
	for _, line := range []string{
		`root = "` + p.State + `/containerd"`, `state = "` + p.Run + `/containerd"`, `address = "` + p.ContainerdSocket() + `"`,
		`Root = "` + p.Run + `/runc"`, `conf_dir = "` + p.Config() + `/cni"`,
		"restrict_oom_score_adj = true", "disable_apparmor = true", `sandbox_image = "` + PauseImage + `"`,
	} {
		assert.Contains(t, containerd, line)
	}

	var kubelet map[string]any
	require.NoError(t, yaml.Unmarshal(rendered["kubelet.yaml"], &kubelet))
	assert.Equal(t, "/k0slab-mgmt", kubelet["cgroupRoot"])
	assert.Equal(t, "cgroupfs", kubelet["cgroupDriver"])
	assert.Equal(t, false, kubelet["failCgroupV1"])
	assert.Equal(t, "unix://"+p.ContainerdSocket(), kubelet["containerRuntimeEndpoint"])
}

func TestEveryRequestIsAudited(t *testing.T) {
	t.Parallel()
	p := paths(t)
	rendered, err := render(p)
	require.NoError(t, err)
	var policy struct {
		Rules []map[string]any `json:"rules"`
	}
	require.NoError(t, yaml.Unmarshal(rendered["audit-policy.yaml"], &policy))
	assert.Equal(t, []map[string]any{{"level": "Metadata"}}, policy.Rules, "one rule without a filter")
	assert.Contains(t, APIServer(p).Args, "--audit-log-path="+p.AuditLog())
}

func TestProgramsRunInTheNamespace(t *testing.T) {
	t.Parallel()
	p := paths(t)
	var names []string
	for _, spec := range Programs(p) {
		names = append(names, spec.Name)
		assert.Equal(t, []string{"nsenter", "--net=/run/netns/k0slab-mgmt", "--"}, spec.Args[:3], spec.Name)
		inMounts := slices.Contains(spec.Args, "--mount="+p.MountNamespace())
		assert.Equal(t, spec.Name == "containerd" || spec.Name == "kubelet", inMounts, spec.Name)
	}
	assert.Equal(t, []string{
		"etcd", "kube-apiserver", "containerd", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy",
	}, names)
}

func TestLoadBalancerAddressesNeverReachTheAPIServer(t *testing.T) {
	t.Parallel()
	assert.Contains(t, APIServer(paths(t)).Args, "--bind-address="+layout.MgmtIP)
}

func TestWriteIsRepeatable(t *testing.T) {
	t.Parallel()
	p := paths(t)
	clock := testingclock.NewFakePassiveClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	write := func() map[string]time.Time {
		require.NoError(t, WriteConfig(p))
		require.NoError(t, WriteCredentials(p, clock))
		return times(t, p.State)
	}
	first := write()
	assert.Equal(t, first, write(), "kube-proxy ends when its file is written, whatever is written")
	for _, spec := range Programs(p) {
		for _, input := range spec.Inputs {
			assert.Contains(t, first, input, spec.Name)
		}
		for _, arg := range spec.Args {
			if _, file, ok := strings.Cut(arg, "="+p.State); ok && strings.Contains(file, "/pki/ca") {
				assert.Contains(t, first, p.State+file)
			}
		}
	}
	config, err := clientcmd.LoadFromFile(p.Kubeconfig())
	require.NoError(t, err)
	assert.Equal(t, "https://10.211.0.2:6443", config.Clusters["k0smotron-lab"].Server)
}

// times are when the files below a directory were last written.
func times(t *testing.T, dir string) map[string]time.Time {
	t.Helper()
	found := map[string]time.Time{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			found[path] = info.ModTime()
		}
		return err
	}))
	return found
}

func TestWaitTellsWhatHasEnded(t *testing.T) {
	t.Parallel()
	p := paths(t)
	err := wait(t.Context(), p, "etcd", func() error { return os.ErrNotExist })
	assert.ErrorContains(t, err, filepath.Join(p.Logs(), "etcd.log"))
}
