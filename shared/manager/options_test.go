// SPDX-License-Identifier: Apache-2.0

package manager_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/shared/manager"
)

func parse(t *testing.T, args ...string) *manager.Options {
	t.Helper()
	options := manager.NewOptions("k0sworkerconfig")
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	options.AddFlags(flags)
	require.NoError(t, flags.Parse(args))
	return options
}

// TestFlags pins the names and defaults: manifests and charts are written against them.
func TestFlags(t *testing.T) {
	t.Parallel()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	manager.NewOptions("k0sworkerconfig").AddFlags(flags)
	got := map[string]string{}
	flags.VisitAll(func(f *pflag.Flag) {
		got[f.Name] = f.DefValue
		assert.NotEmpty(t, f.Usage, f.Name)
	})
	assert.Equal(t, map[string]string{
		"leader-elect":                "false",
		"leader-election-namespace":   "",
		"leader-elect-lease-duration": "15s",
		"leader-elect-renew-deadline": "10s",
		"leader-elect-retry-period":   "2s",
		"diagnostics-address":         ":8443",
		"insecure-diagnostics":        "false",
		"health-addr":                 ":9440",
		"webhook-port":                "9443",
		"webhook-cert-dir":            "/tmp/k8s-webhook-server/serving-certs/",
		"watch-filter":                "",
		"namespace":                   "",
		"kube-api-qps":                "100",
		"kube-api-burst":              "200",
		"clustercache-client-qps":     "20",
		"clustercache-client-burst":   "30",
		"sync-period":                 "10m0s",
		"v":                           "2",
		"logging-format":              "json",
		"k0sworkerconfig-concurrency": "10",
	}, got)
}

func TestFlagsAreRead(t *testing.T) {
	t.Parallel()
	options := parse(t,
		"--leader-elect", "--leader-elect-lease-duration=1m", "--diagnostics-address=:1", "--insecure-diagnostics",
		"--health-addr=:2", "--webhook-port=3", "--webhook-cert-dir=/certs", "--watch-filter=mine", "--namespace=ns",
		"--kube-api-qps=4", "--kube-api-burst=5", "--clustercache-client-qps=6", "--clustercache-client-burst=7",
		"--sync-period=8m", "-v=4", "--logging-format=text", "--k0sworkerconfig-concurrency=9")
	assert.True(t, options.LeaderElect)
	assert.Equal(t, time.Minute, options.LeaseDuration)
	assert.Equal(t, ":1", options.DiagnosticsAddress)
	assert.True(t, options.InsecureDiagnostics)
	assert.Equal(t, ":2", options.HealthAddress)
	assert.Equal(t, 3, options.WebhookPort)
	assert.Equal(t, "/certs", options.WebhookCertDir)
	assert.Equal(t, "mine", options.WatchFilter)
	assert.Equal(t, "ns", options.Namespace)
	assert.InDelta(t, 4, options.KubeAPIQPS, 0)
	assert.Equal(t, 5, options.KubeAPIBurst)
	assert.InDelta(t, 6, options.ClusterCacheQPS, 0)
	assert.Equal(t, 7, options.ClusterCacheBurst)
	assert.Equal(t, 8*time.Minute, options.SyncPeriod)
	assert.EqualValues(t, 4, options.LogLevel)
	assert.Equal(t, 9, options.Concurrency("k0sworkerconfig").MaxConcurrentReconciles)
	assert.Equal(t, 10, options.Concurrency("another").MaxConcurrentReconciles)
}

func TestLogger(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		args    []string
		enabled int
		err     string
	}{
		"Default":   {enabled: 2},
		"Text":      {args: []string{"--logging-format=text", "--v=4"}, enabled: 4},
		"Terse":     {args: []string{"--v=0"}, enabled: 0},
		"BadFormat": {args: []string{"--logging-format=xml"}, err: `"xml" is neither json nor text`},
		"BadLevel":  {args: []string{"--v=11"}, err: "11 is not between 0 and 10"},
		"Negative":  {args: []string{"--v=-1"}, err: "-1 is not between 0 and 10"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			logger, err := parse(t, tc.args...).Logger()
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				return
			}
			require.NoError(t, err)
			assert.True(t, logger.V(tc.enabled).Enabled())
			assert.False(t, logger.V(tc.enabled+1).Enabled())
		})
	}
}

// TestLogLines pins what an operator reads and filters by.
func TestLogLines(t *testing.T) { // It exchanges standard error.
	cases := map[string][]string{
		"json": {
			`{"level":"info","time":"`, `"msg":"terse","v":0,"name":"a"}`,
			`{"level":"debug","time":"`, `"msg":"normal","v":2}`,
			`{"level":"error","time":"`, `"msg":"failed","error":"boom"`,
		},
		"text": {"\tinfo\t", "terse\t{\"v\": 0, \"name\": \"a\"}", "\tdebug\t", "normal\t{\"v\": 2}", "\terror\t", "boom"},
	}
	for format, want := range cases {
		t.Run(format, func(t *testing.T) {
			text := standardError(t, func() {
				logger, err := parse(t, "--logging-format="+format).Logger()
				require.NoError(t, err)
				logger.Info("terse", "name", "a")
				logger.V(2).Info("normal")
				logger.V(3).Info("not wanted")
				logger.Error(errors.New("boom"), "failed")
			})
			for _, part := range want {
				assert.Contains(t, text, part)
			}
			assert.NotContains(t, text, "Level(")
			assert.NotContains(t, text, "not wanted")
		})
	}
}

// standardError is what f writes there.
func standardError(t *testing.T, f func()) string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	require.NoError(t, err)
	before := os.Stderr
	os.Stderr = file
	defer func() { os.Stderr = before }()
	f()
	require.NoError(t, file.Close())
	text, err := os.ReadFile(file.Name())
	require.NoError(t, err)
	return string(text)
}
