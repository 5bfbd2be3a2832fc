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
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/bootstrap/internal/controller/controllerconfig"
	"github.com/k0smotron/k0smotron/bootstrap/internal/controller/machineconfig"
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
	kindWorkerConfig     = "k0sworkerconfig"
	kindControllerConfig = "k0scontrollerconfig"
	kindMachine          = "machine"
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
	provider, err := Provider()
	if err != nil {
		return err
	}
	options := newOptions()
	return manager.Program{
		Provider: provider, Options: options.Manager,
		AddFlags: options.addFlags, Check: options.check, Setup: options.setup,
	}.Main(ctx, args)
}

func newOptions() *Options {
	return &Options{
		Manager:  manager.NewOptions(kindWorkerConfig, kindControllerConfig, kindMachine),
		TokenTTL: jointoken.DefaultTTL,
	}
}

func (o *Options) addFlags(flags *pflag.FlagSet) {
	flags.DurationVar(&o.TokenTTL, "bootstrap-token-ttl", o.TokenTTL,
		"How long a join token is valid. It is extended while its machine has not joined and revoked when it has.")
}

func (o *Options) check() error {
	if o.TokenTTL < shortestTTL {
		return fmt.Errorf("--bootstrap-token-ttl is %s, it must be at least %s", o.TokenTTL, shortestTTL)
	}
	return nil
}

// Before it starts a controller, the manager reads whose its CRDs are; and it asks who scrapes its metrics.
//
// +kubebuilder:rbac:groups=apiextensions.k8s.io,resources=customresourcedefinitions,verbs=get
// +kubebuilder:rbac:groups=authentication.k8s.io,resources=tokenreviews,verbs=create
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create

// Provider describes this provider.
func Provider() (manager.Provider, error) {
	scheme, err := manager.NewScheme(bootstrapv1.AddToScheme)
	if err != nil {
		return manager.Provider{}, err
	}
	return manager.Provider{
		Name:             ProviderName,
		LeaderElectionID: ProviderName,
		Label:            "bootstrap-k0smotron",
		Scheme:           scheme,
		CRDs: manager.CRDs(bootstrapv1.GroupVersion,
			"k0sworkerconfigs", "k0sworkerconfigtemplates", "k0scontrollerconfigs"),
	}, nil
}

func (o *Options) setup(ctx context.Context, mgr ctrl.Manager) error {
	connections, err := o.Manager.SetupClusterCache(ctx, mgr, ProviderName)
	if err != nil {
		return err
	}
	clusters := workload.FromClusterCache(connections)
	identity := &nodeidentity.Reconciler{
		Client: mgr.GetClient(), Workload: clusters, FieldOwner: ProviderName, WatchFilter: o.Manager.WatchFilter,
	}
	steps := o.steps(mgr, clusters)
	workers, controllers := &workerconfig.Reconciler{Steps: steps}, &controllerconfig.Reconciler{Steps: steps}
	return errors.Join(
		workers.SetupWithManager(ctx, mgr, connections, o.Manager.Concurrency(kindWorkerConfig)),
		controllers.SetupWithManager(ctx, mgr, connections, o.Manager.Concurrency(kindControllerConfig)),
		identity.SetupWithManager(mgr, connections, o.Manager.Concurrency(kindMachine)),
	)
}

func (o *Options) steps(mgr ctrl.Manager, clusters workload.Clusters) machineconfig.Steps {
	realClock := clock.RealClock{}
	applier := apply.New(mgr.GetClient(), ProviderName)
	return machineconfig.Steps{
		Client:      mgr.GetClient(),
		Live:        mgr.GetAPIReader(),
		Applier:     applier,
		Workload:    clusters,
		Clock:       realClock,
		WatchFilter: o.Manager.WatchFilter,
		Tokens: jointoken.Store{
			Reader: mgr.GetClient(), Live: mgr.GetAPIReader(), Management: applier,
			FieldOwner: ProviderName, Clock: realClock, Random: rand.Reader, TTL: o.TokenTTL,
		},
	}
}
