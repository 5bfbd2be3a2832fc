// SPDX-License-Identifier: Apache-2.0

// Package app wires the manager of the in-cluster control plane provider, and its subcommand place.
package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/selection"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/clock"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/controller/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/defaults"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/desired"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/hosted"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/metrics"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/place"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/webhook"
	"github.com/k0smotron/k0smotron/shared/apply"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/manager"
	"github.com/k0smotron/k0smotron/shared/pki"
	"github.com/k0smotron/k0smotron/shared/workload"
)

// commandPlace is the subcommand of the init container.
const commandPlace = "place"

// Options are the settings of the manager.
type Options struct {
	// Manager holds the settings that all managers share.
	Manager *manager.Options
	// PodEnv are environment variables of every k0s container.
	PodEnv map[string]string
	// Image overrides the image of this manager, for when it does not run as a pod.
	Image string
}

// Main runs the program with its arguments until ctx ends.
func Main(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == commandPlace {
		return runPlace(args[1:])
	}
	options := Options{Manager: manager.NewOptions(controlplane.Kind)}
	flags := pflag.NewFlagSet(defaults.ProviderName, pflag.ContinueOnError)
	options.Manager.AddFlags(flags)
	options.addFlags(flags)
	if err := flags.Parse(args); err != nil {
		return ignoreHelp(err)
	}
	return options.run(ctx)
}

func (o *Options) addFlags(flags *pflag.FlagSet) {
	flags.StringToStringVar(&o.PodEnv, "pod-env", nil,
		"Environment variables of every k0s container, for example HTTPS_PROXY=http://proxy:3128. A change reaches a "+
			"control plane with the next change of its spec.")
	flags.StringVar(
		&o.Image,
		"place-image",
		"",
		"Image of this program, for the init container of control plane pods. If unspecified, it is that of the manager's own pod.",
	)
}

func runPlace(args []string) error {
	flags := pflag.NewFlagSet(commandPlace, pflag.ContinueOnError)
	from := flags.String("from", "", "Folder with the files to place.")
	to := flags.String("to", "", "Folder to place them in.")
	if err := flags.Parse(args); err != nil {
		return ignoreHelp(err)
	}
	if *from == "" || *to == "" {
		return errors.New("place needs --from and --to")
	}
	return place.Files(*from, *to)
}

func ignoreHelp(err error) error {
	if errors.Is(err, pflag.ErrHelp) {
		return nil
	}
	return err
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
		clientgoscheme.AddToScheme, clusterv1.AddToScheme, controlplanev1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("building scheme: %w", err)
		}
	}
	return scheme, nil
}

// Provider describes this provider.
func Provider(scheme *runtime.Scheme) manager.Provider {
	versions := []string{controlplanev1.GroupVersion.Version}
	group := "." + controlplanev1.GroupVersion.Group
	return manager.Provider{
		Name:             defaults.ProviderName,
		LeaderElectionID: defaults.ProviderName,
		Label:            "control-plane-k0smotron",
		Scheme:           scheme,
		CRDs: []manager.CRD{
			{Name: "k0smotroncontrolplanes" + group, Versions: versions},
			{Name: "k0smotroncontrolplanetemplates" + group, Versions: versions},
		},
		Webhooks: true,
		Cache:    map[client.Object]cache.ByObject{&corev1.Pod{}: {Label: withRole()}},
	}
}

// withRole selects what plays a role in a control plane, so that the cache holds no other pods.
func withRole() labels.Selector {
	requirement, err := labels.NewRequirement(contract.RoleLabel, selection.Exists, nil)
	if err != nil { // Cannot happen: the key is a constant and valid.
		return labels.Nothing()
	}
	return labels.NewSelector().Add(*requirement)
}

func (o *Options) setup(ctx context.Context, mgr ctrl.Manager) error {
	image, err := o.image(ctx, mgr.GetAPIReader())
	if err != nil {
		return err
	}
	if err := webhook.SetupWithManager(mgr); err != nil {
		return err
	}
	if err := ctrlmetrics.Registry.Register(metrics.NewCollector(ctx, mgr.GetClient())); err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	realClock := clock.RealClock{}
	pool := workload.NewPool(workload.DirectOptions{
		Scheme: mgr.GetScheme(), UserAgent: manager.UserAgent(defaults.ProviderName),
	})
	reconciler := &controlplane.Reconciler{
		Client:      mgr.GetClient(),
		Live:        mgr.GetAPIReader(),
		Applier:     apply.New(mgr.GetClient(), defaults.ProviderName),
		Clusters:    hosted.New(pool, defaults.ProviderName),
		Issuer:      pki.Issuer{Clock: realClock, Random: rand.Reader},
		Clock:       realClock,
		Renderer:    desired.Renderer{PlacerImage: image, Env: o.env()},
		WatchFilter: o.Manager.WatchFilter,
	}
	return reconciler.SetupWithManager(mgr, o.Manager.Concurrency(controlplane.Kind))
}

func (o *Options) env() []corev1.EnvVar {
	env := make([]corev1.EnvVar, 0, len(o.PodEnv))
	for _, name := range slices.Sorted(maps.Keys(o.PodEnv)) {
		env = append(env, corev1.EnvVar{Name: name, Value: o.PodEnv[name]})
	}
	return env
}
