// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"time"

	"github.com/spf13/pflag"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/controller"
)

// Options are the settings that all our managers share, as flags named like Cluster API's.
type Options struct {
	// LeaderElect lets only one of several replicas act.
	LeaderElect bool
	// LeaseDuration, RenewDeadline and RetryPeriod are the timing of the leader election.
	LeaseDuration, RenewDeadline, RetryPeriod time.Duration
	// LeaderElectionNamespace holds the Lease; empty means the manager's own namespace.
	LeaderElectionNamespace string
	// DiagnosticsAddress is where metrics are served.
	DiagnosticsAddress string
	// InsecureDiagnostics serves metrics over HTTP without authentication.
	InsecureDiagnostics bool
	// HealthAddress is where /healthz and /readyz are served.
	HealthAddress string
	// WebhookPort is where webhooks are served, if the provider has any.
	WebhookPort int
	// WebhookCertDir holds tls.crt and tls.key of the webhook server.
	WebhookCertDir string
	// WatchFilter limits the manager to objects with this value of the label cluster.x-k8s.io/watch-filter.
	WatchFilter string
	// Namespace limits the manager to one namespace; empty means all.
	Namespace string
	// KubeAPIQPS and KubeAPIBurst limit the requests to the management API server.
	KubeAPIQPS float32
	// KubeAPIBurst is the number of requests allowed at once.
	KubeAPIBurst int
	// ClusterCacheQPS and ClusterCacheBurst limit the requests to one workload API server.
	ClusterCacheQPS float32
	// ClusterCacheBurst is the number of requests allowed at once.
	ClusterCacheBurst int
	// SyncPeriod is how often every object is looked at again without an event.
	SyncPeriod time.Duration
	// LogLevel is the verbosity; 0 says only what an operator must know.
	LogLevel int8
	// LogFormat is "json" or "text".
	LogFormat string

	concurrency map[string]*int
}

// NewOptions returns the defaults. kinds are the lower-case kinds that the manager reconciles: each gets a flag
// --<kind>-concurrency.
func NewOptions(kinds ...string) *Options {
	options := &Options{
		LeaseDuration: 15 * time.Second, RenewDeadline: 10 * time.Second, RetryPeriod: 2 * time.Second,
		DiagnosticsAddress: ":8443",
		HealthAddress:      ":9440",
		WebhookPort:        9443,
		WebhookCertDir:     "/tmp/k8s-webhook-server/serving-certs/",
		KubeAPIQPS:         100, KubeAPIBurst: 200,
		ClusterCacheQPS: 20, ClusterCacheBurst: 30,
		SyncPeriod: 10 * time.Minute,
		LogLevel:   2, LogFormat: logJSON,
		concurrency: make(map[string]*int, len(kinds)),
	}
	for _, kind := range kinds {
		options.concurrency[kind] = new(defaultConcurrency)
	}
	return options
}

const defaultConcurrency = 10

// Concurrency is the number of objects of a kind that are reconciled at once.
func (o *Options) Concurrency(kind string) controller.Options {
	n := defaultConcurrency
	if value, ok := o.concurrency[kind]; ok {
		n = *value
	}
	return controller.Options{MaxConcurrentReconciles: n}
}

// AddFlags adds a flag for every option; the present values are the defaults.
func (o *Options) AddFlags(fs *pflag.FlagSet) {
	o.addElectionFlags(fs)
	o.addServerFlags(fs)
	fs.StringVar(&o.Namespace, "namespace", o.Namespace,
		"Namespace that the controllers watch. If unspecified, they watch all namespaces.")
	fs.StringVar(&o.WatchFilter, "watch-filter", o.WatchFilter,
		"Value of the label "+clusterv1.WatchLabel+" that objects must have to be reconciled. If unspecified, all are.")
	fs.DurationVar(&o.SyncPeriod, "sync-period", o.SyncPeriod,
		"The interval at which all watched objects are reconciled even if nothing has changed.")
	fs.Float32Var(&o.KubeAPIQPS, "kube-api-qps", o.KubeAPIQPS,
		"Queries per second allowed to the management API server.")
	fs.IntVar(&o.KubeAPIBurst, "kube-api-burst", o.KubeAPIBurst,
		"Queries allowed at once to the management API server.")
	fs.Float32Var(&o.ClusterCacheQPS, "clustercache-client-qps", o.ClusterCacheQPS,
		"Queries per second allowed to the API server of a workload cluster.")
	fs.IntVar(&o.ClusterCacheBurst, "clustercache-client-burst", o.ClusterCacheBurst,
		"Queries allowed at once to the API server of a workload cluster.")
	fs.Int8VarP(&o.LogLevel, "v", "v", o.LogLevel, "Log verbosity: 0 terse, 2 normal, 4 debug, 6 trace.")
	fs.StringVar(&o.LogFormat, "logging-format", o.LogFormat, "Log format: json or text.")
	for kind, value := range o.concurrency {
		fs.IntVar(value, kind+"-concurrency", *value, "Number of objects of kind "+kind+" reconciled at once.")
	}
}

func (o *Options) addElectionFlags(fs *pflag.FlagSet) {
	fs.BoolVar(&o.LeaderElect, "leader-elect", o.LeaderElect,
		"Elect a leader, so that only one of several replicas acts.")
	fs.StringVar(&o.LeaderElectionNamespace, "leader-election-namespace", o.LeaderElectionNamespace,
		"Namespace of the lease. If unspecified, the namespace the manager runs in.")
	fs.DurationVar(&o.LeaseDuration, "leader-elect-lease-duration", o.LeaseDuration,
		"How long others wait before they take over from a leader that is silent.")
	fs.DurationVar(&o.RenewDeadline, "leader-elect-renew-deadline", o.RenewDeadline,
		"How long a leader tries to renew before it gives up.")
	fs.DurationVar(&o.RetryPeriod, "leader-elect-retry-period", o.RetryPeriod,
		"Pause between two tries to become or stay leader.")
}

func (o *Options) addServerFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.DiagnosticsAddress, "diagnostics-address", o.DiagnosticsAddress,
		"Address of the metrics endpoint: HTTPS with authentication and authorization, unless --insecure-diagnostics.")
	fs.BoolVar(&o.InsecureDiagnostics, "insecure-diagnostics", o.InsecureDiagnostics,
		"Serve metrics over HTTP without authentication and authorization.")
	fs.StringVar(&o.HealthAddress, "health-addr", o.HealthAddress, "Address of /healthz and /readyz.")
	fs.IntVar(&o.WebhookPort, "webhook-port", o.WebhookPort, "Port of the webhook server.")
	fs.StringVar(&o.WebhookCertDir, "webhook-cert-dir", o.WebhookCertDir,
		"Directory with tls.crt and tls.key of the webhook server.")
}
