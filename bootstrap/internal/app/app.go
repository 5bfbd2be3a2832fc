// SPDX-License-Identifier: Apache-2.0

// Package app wires the manager of the bootstrap provider.
package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/clock"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/bootstrap/internal/controller/nodeidentity"
	"github.com/k0smotron/k0smotron/bootstrap/internal/controller/workerconfig"
	"github.com/k0smotron/k0smotron/shared/apply"
	"github.com/k0smotron/k0smotron/shared/jointoken"
	"github.com/k0smotron/k0smotron/shared/manager"
	"github.com/k0smotron/k0smotron/shared/workload"
)

// ProviderName is the name of the provider, its field owner and user agent.
const ProviderName = "k0smotron-bootstrap"

// Kinds with a flag for their concurrency.
const (
	kindWorkerConfig = "k0sworkerconfig"
	kindMachine      = "machine"
)

// shortestTTL leaves a machine time to boot between two extensions.
const shortestTTL = 2 * time.Minute

// Options are the settings of the manager.
type Options struct {
	// Manager holds the settings that all managers share.
	Manager *manager.Options
	// TokenTTL is how long a join token is valid unless it is extended.
	TokenTTL time.Duration
}

// Main runs the program with its arguments until ctx ends.
func Main(ctx context.Context, args []string) error {
	options := &Options{Manager: manager.NewOptions(kindWorkerConfig, kindMachine)}
	flags := pflag.NewFlagSet(ProviderName, pflag.ContinueOnError)
	options.AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return nil
		}
		return err
	}
	if options.TokenTTL < shortestTTL {
		return fmt.Errorf("--bootstrap-token-ttl is %s, it must be at least %s", options.TokenTTL, shortestTTL)
	}
	return options.run(ctx)
}

// AddFlags adds a flag for every option.
func (o *Options) AddFlags(flags *pflag.FlagSet) {
	o.Manager.AddFlags(flags)
	flags.DurationVar(&o.TokenTTL, "bootstrap-token-ttl", jointoken.DefaultTTL,
		"How long a join token is valid. It is extended while its machine has not joined and revoked when it has.")
}

func (o *Options) run(ctx context.Context) error {
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("finding the management cluster: %w", err)
	}
	scheme, err := Scheme()
	if err != nil {
		return err
	}
	return manager.Run(ctx, config, Provider(scheme), o.Manager, o.setup)
}

// Scheme knows every kind that the manager reads and writes.
func Scheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme, clusterv1.AddToScheme, bootstrapv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("building scheme: %w", err)
		}
	}
	return scheme, nil
}

// Before it starts a controller, the manager reads whose its CRDs are; and it asks who scrapes its metrics.
//
// +kubebuilder:rbac:groups=apiextensions.k8s.io,resources=customresourcedefinitions,verbs=get
// +kubebuilder:rbac:groups=authentication.k8s.io,resources=tokenreviews,verbs=create
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create

// Provider describes this provider.
func Provider(scheme *runtime.Scheme) manager.Provider {
	versions := []string{bootstrapv1.GroupVersion.Version}
	group := "." + bootstrapv1.GroupVersion.Group
	return manager.Provider{
		Name:             ProviderName,
		LeaderElectionID: ProviderName,
		Label:            "bootstrap-k0smotron",
		Scheme:           scheme,
		CRDs: []manager.CRD{
			{Name: "k0sworkerconfigs" + group, Versions: versions},
			{Name: "k0sworkerconfigtemplates" + group, Versions: versions},
		},
	}
}

func (o *Options) setup(ctx context.Context, mgr ctrl.Manager) error {
	connections, err := workload.SetupClusterCache(ctx, mgr, workload.CacheOptions{
		UserAgent:   manager.UserAgent(ProviderName),
		WatchFilter: o.Manager.WatchFilter,
		QPS:         o.Manager.ClusterCacheQPS,
		Burst:       o.Manager.ClusterCacheBurst,
	})
	if err != nil {
		return err
	}
	clusters := workload.FromClusterCache(connections)
	identity := &nodeidentity.Reconciler{Client: mgr.GetClient(), Workload: clusters, FieldOwner: ProviderName}
	return errors.Join(
		o.workerConfigs(mgr, clusters).SetupWithManager(
			mgr, connections, o.Manager.WatchFilter, o.Manager.Concurrency(kindWorkerConfig)),
		identity.SetupWithManager(mgr, connections, o.Manager.WatchFilter, o.Manager.Concurrency(kindMachine)),
	)
}

func (o *Options) workerConfigs(mgr ctrl.Manager, clusters workload.Clusters) *workerconfig.Reconciler {
	realClock := clock.RealClock{}
	applier := apply.New(mgr.GetClient(), ProviderName)
	return &workerconfig.Reconciler{
		Client:   mgr.GetClient(),
		Live:     mgr.GetAPIReader(),
		Applier:  applier,
		Workload: clusters,
		Clock:    realClock,
		Tokens: jointoken.Store{
			Reader: mgr.GetClient(), Live: mgr.GetAPIReader(), Management: applier,
			FieldOwner: ProviderName, Clock: realClock, Random: rand.Reader, TTL: o.TokenTTL,
		},
	}
}
