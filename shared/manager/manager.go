// SPDX-License-Identifier: Apache-2.0

// Package manager holds what the mains of our providers share: flags, logging, the restricted cache, secured metrics,
// health, leader election, and the check that no other provider owns our kinds.
package manager

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
)

// version is the release, set by -ldflags "-X github.com/k0smotron/k0smotron/shared/manager.version=v1.2.3".
var version = "v0.0.0-dev"

// Version is the release this binary was built as.
func Version() string { return version }

// Provider is what differs between our managers.
type Provider struct {
	// Name is the provider's name, its field owner and user agent: "k0smotron-bootstrap".
	Name string
	// LeaderElectionID names the Lease in the manager's namespace.
	LeaderElectionID string
	// Label is the value of the label cluster.x-k8s.io/provider on the provider's CRDs: "bootstrap-k0smotron".
	Label string
	// Scheme knows every kind that the provider reads and writes, and CRDs: see NewScheme. It is not changed.
	Scheme *runtime.Scheme
	// CRDs are the provider's own CRDs.
	CRDs []CRD
	// Webhooks says that the provider serves admission webhooks: the manager is ready only when they are.
	Webhooks bool
	// Cache restricts kinds further; Secrets and ConfigMaps are restricted already.
	Cache map[client.Object]cache.ByObject
	// Controllers are the defaults of all controllers.
	Controllers config.Controller
}

// Run runs a manager until ctx ends. setup adds the controllers; it is called only when the provider's CRDs are its
// own. Otherwise the manager serves health alone, is not ready, says who owns the kinds, and returns an error, so that it
// is started again, as soon as that changes.
func Run(
	ctx context.Context, cluster *rest.Config, provider Provider, options *Options,
	setup func(ctx context.Context, mgr ctrl.Manager) error,
) error {
	logger, err := options.Logger()
	if err != nil {
		return err
	}
	ctrl.SetLogger(logger)
	klog.SetLogger(logger)
	ctx = ctrl.LoggerInto(ctx, logger)
	mgr, err := New(cluster, provider, options)
	if err != nil {
		return err
	}
	ownership := NewOwnership(mgr.GetAPIReader(), provider, clock.RealClock{})
	if err := ownership.Check(ctx); err != nil {
		logger.Error(err, "No controller is started")
		err = standBy(mgr, ownership, err)
		if err != nil {
			return err
		}
	} else if err := setup(ctx, mgr); err != nil {
		return fmt.Errorf("setting up controllers: %w", err)
	}
	logger.Info("Starting manager", "provider", provider.Name, "version", version)
	if err := mgr.Start(ctx); err != nil {
		return fmt.Errorf("running manager: %w", err)
	}
	return nil
}

// New builds a manager with health checks and without controllers. cluster is not changed.
func New(cluster *rest.Config, provider Provider, options *Options) (ctrl.Manager, error) {
	access := rest.CopyConfig(cluster)
	access.QPS, access.Burst = options.KubeAPIQPS, options.KubeAPIBurst
	access.UserAgent = UserAgent(provider.Name)
	settings := ctrl.Options{
		Scheme:                        provider.Scheme,
		LeaderElection:                options.LeaderElect,
		LeaderElectionID:              provider.LeaderElectionID,
		LeaderElectionNamespace:       options.LeaderElectionNamespace,
		LeaderElectionReleaseOnCancel: true,
		LeaseDuration:                 &options.LeaseDuration,
		RenewDeadline:                 &options.RenewDeadline,
		RetryPeriod:                   &options.RetryPeriod,
		HealthProbeBindAddress:        options.HealthAddress,
		PprofBindAddress:              "0",
		Metrics:                       options.metrics(),
		Cache:                         options.cache(provider),
		Client:                        client.Options{Cache: &client.CacheOptions{Unstructured: true}},
		Controller:                    provider.Controllers,
	}
	if provider.Webhooks {
		settings.WebhookServer = webhook.NewServer(webhook.Options{
			Port: options.WebhookPort, CertDir: options.WebhookCertDir,
		})
	}
	mgr, err := ctrl.NewManager(access, settings)
	if err != nil {
		return nil, fmt.Errorf("creating manager: %w", err)
	}
	return mgr, addChecks(mgr, provider)
}

// UserAgent is how a provider names itself to API servers.
func UserAgent(provider string) string { return provider + "/" + version }

func addChecks(mgr ctrl.Manager, provider Provider) error {
	check := healthz.Ping
	if provider.Webhooks {
		check = mgr.GetWebhookServer().StartedChecker()
	}
	if err := mgr.AddHealthzCheck("manager", healthz.Ping); err != nil {
		return fmt.Errorf("adding health check: %w", err)
	}
	if err := mgr.AddReadyzCheck("manager", check); err != nil {
		return fmt.Errorf("adding ready check: %w", err)
	}
	return nil
}

func (o *Options) metrics() metricsserver.Options {
	if o.InsecureDiagnostics {
		return metricsserver.Options{BindAddress: o.DiagnosticsAddress}
	}
	return metricsserver.Options{
		BindAddress: o.DiagnosticsAddress, SecureServing: true,
		FilterProvider: filters.WithAuthenticationAndAuthorization,
	}
}

// cache keeps Secrets and ConfigMaps out that belong to no Cluster, and drops managedFields: nothing of ours reads
// them, and they are half of many objects.
func (o *Options) cache(provider Provider) cache.Options {
	ofClusters := cache.ByObject{Label: HasLabel(clusterv1.ClusterNameLabel)}
	byObject := map[client.Object]cache.ByObject{
		&corev1.Secret{}:    ofClusters,
		&corev1.ConfigMap{}: ofClusters,
	}
	maps.Copy(byObject, provider.Cache)
	settings := cache.Options{
		SyncPeriod:       &o.SyncPeriod,
		ByObject:         byObject,
		DefaultTransform: cache.TransformStripManagedFields(),
	}
	if o.Namespace != metav1.NamespaceAll {
		settings.DefaultNamespaces = map[string]cache.Config{o.Namespace: {}}
	}
	return settings
}

// HasLabel selects objects with a label, whatever its value; the key must be valid.
func HasLabel(key string) labels.Selector {
	requirement, err := labels.NewRequirement(key, selection.Exists, nil)
	if err != nil { // A key that is no key is on no object.
		return labels.Nothing()
	}
	return labels.NewSelector().Add(*requirement)
}
