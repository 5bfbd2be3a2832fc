// SPDX-License-Identifier: Apache-2.0

package manager_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/k0smotron/k0smotron/shared/manager"
)

// program notes in *color what its own flag says. Its setup ends it.
func program(t *testing.T, color *string) manager.Program {
	t.Helper()
	return manager.Program{
		Provider: provider(),
		Options:  localOptions(t),
		AddFlags: func(flags *pflag.FlagSet) { flags.StringVar(color, "color", "red", "A color.") },
		Check: func() error {
			if *color == "mauve" {
				return errors.New("--color: mauve is no color")
			}
			return nil
		},
		Setup: func(context.Context, ctrl.Manager) error { return errors.New("set up") },
	}
}

func TestProgramReadsItsFlags(t *testing.T) {
	cases := map[string]struct{ args, err string }{
		"Help":      {args: "--help"},
		"Unknown":   {args: "--nope", err: "unknown flag: --nope"},
		"Checked":   {args: "--color=mauve", err: "mauve is no color"},
		"NoCluster": {args: "--color=blue", err: "finding the management cluster"},
	}
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var color string
			err := program(t, &color).Main(t.Context(), []string{tc.args})
			if tc.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.err)
		})
	}
}

func TestProgramRunsTheManager(t *testing.T) {
	installed(t, label)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{
			"c": {Server: env.Config.Host, CertificateAuthorityData: env.Config.CAData},
		},
		AuthInfos: map[string]*clientcmdapi.AuthInfo{
			"u": {ClientCertificateData: env.Config.CertData, ClientKeyData: env.Config.KeyData},
		},
		Contexts:       map[string]*clientcmdapi.Context{"x": {Cluster: "c", AuthInfo: "u"}},
		CurrentContext: "x",
	}, path))
	t.Setenv("KUBECONFIG", path)
	var color string
	p := program(t, &color)
	err := p.Main(t.Context(), []string{"--color=blue", "--watch-filter=mine"})
	require.EqualError(t, err, "setting up controllers: set up")
	assert.Equal(t, "blue", color)
	assert.Equal(t, "mine", p.Options.WatchFilter)
}

func TestProgramNeedsNeitherFlagsNorCheck(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	err := manager.Program{Provider: provider(), Options: manager.NewOptions()}.Main(t.Context(), nil)
	require.ErrorContains(t, err, "finding the management cluster")
}

func TestNewScheme(t *testing.T) {
	t.Parallel()
	scheme, err := manager.NewScheme()
	require.NoError(t, err)
	assert.True(t, scheme.Recognizes(corev1.SchemeGroupVersion.WithKind("Secret")))
	assert.True(t, scheme.Recognizes(clusterv1.GroupVersion.WithKind("Machine")))
	assert.True(t, scheme.Recognizes(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition")))
	_, err = manager.NewScheme(func(*runtime.Scheme) error { return errors.New("boom") })
	require.EqualError(t, err, "building scheme: boom")
}

func TestCRDs(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []manager.CRD{
		{Name: "clusters.cluster.x-k8s.io", Versions: []string{"v1beta2"}},
		{Name: "machines.cluster.x-k8s.io", Versions: []string{"v1beta2"}},
	}, manager.CRDs(clusterv1.GroupVersion, "clusters", "machines"))
}

func TestHasLabel(t *testing.T) {
	t.Parallel()
	selector := manager.HasLabel("example.org/a")
	assert.True(t, selector.Matches(labels.Set{"example.org/a": ""}))
	assert.False(t, selector.Matches(labels.Set{"example.org/b": ""}))
	assert.False(t, manager.HasLabel("no key").Matches(labels.Set{"no key": ""}))
}
