// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/pflag"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/k0smotron/k0smotron/shared/workload"
)

// Program is the command that runs a provider's manager.
type Program struct {
	// Provider says what the provider is.
	Provider Provider
	// Options are the settings that all managers share; the flags change them.
	Options *Options
	// AddFlags adds the provider's own flags; nil when it has none.
	AddFlags func(*pflag.FlagSet)
	// Check refuses values of the provider's own flags; nil when all are good.
	Check func() error
	// Setup adds the controllers.
	Setup func(ctx context.Context, mgr ctrl.Manager) error
}

// Main reads the flags, finds the management cluster as kubectl does, or as a pod, and runs the manager until ctx ends.
// A call for help is no error.
func (p Program) Main(ctx context.Context, args []string) error {
	flags := pflag.NewFlagSet(p.Provider.Name, pflag.ContinueOnError)
	p.Options.AddFlags(flags)
	if p.AddFlags != nil {
		p.AddFlags(flags)
	}
	if err := flags.Parse(args); err != nil {
		return IgnoreHelp(err)
	}
	if p.Check != nil {
		if err := p.Check(); err != nil {
			return err
		}
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("finding the management cluster: %w", err)
	}
	return Run(ctx, config, p.Provider, p.Options, p.Setup)
}

// IgnoreHelp returns the error of parsing flags, unless help was asked for and given.
func IgnoreHelp(err error) error {
	if errors.Is(err, pflag.ErrHelp) {
		return nil
	}
	return err
}

// NewScheme knows Kubernetes, CRDs, Cluster API and the provider's own kinds.
func NewScheme(add ...func(*runtime.Scheme) error) (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	known := []func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme, clusterv1.AddToScheme,
	}
	for _, f := range append(known, add...) {
		if err := f(scheme); err != nil {
			return nil, fmt.Errorf("building scheme: %w", err)
		}
	}
	return scheme, nil
}

// CRDs are those of some kinds, by their plural names, of which the provider serves one version.
func CRDs(served schema.GroupVersion, plurals ...string) []CRD {
	crds := make([]CRD, 0, len(plurals))
	for _, plural := range plurals {
		crds = append(crds, CRD{Name: plural + "." + served.Group, Versions: []string{served.Version}})
	}
	return crds
}

// SetupClusterCache adds a ClusterCache as the options wish it.
func (o *Options) SetupClusterCache(
	ctx context.Context, mgr ctrl.Manager, provider string,
) (clustercache.ClusterCache, error) {
	return workload.SetupClusterCache(ctx, mgr, workload.CacheOptions{
		UserAgent:   UserAgent(provider),
		WatchFilter: o.WatchFilter,
		QPS:         o.ClusterCacheQPS,
		Burst:       o.ClusterCacheBurst,
	})
}
