// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/clusterconfig"
)

// Flags are the flags of a Kubernetes program without their dashes.
type Flags map[string]string

func (f Flags) args(raw ...string) []string {
	var args []string
	for _, name := range slices.Sorted(maps.Keys(f)) {
		args = append(args, "--"+name+"="+f[name])
	}
	return append(args, raw...)
}

// with is f overridden by what the user and the feature gates say.
func (f Flags) with(extra map[string]string, gates string) Flags {
	maps.Copy(f, extra)
	if gates != "" {
		f["feature-gates"] = strings.TrimPrefix(f["feature-gates"]+","+gates, ",")
	}
	return f
}

// Layout is where a controller keeps its files.
type Layout struct {
	DataDir string
	RunDir  string
}

func (l Layout) pki(name string) string { return filepath.Join(l.DataDir, "pki", name) }

func (l Layout) konnectivitySocket() string {
	return filepath.Join(l.RunDir, "konnectivity-server", "konnectivity-server.sock")
}

func (l Layout) egressConfig() string { return filepath.Join(l.DataDir, "konnectivity.conf") }

func (l Layout) kineSocket() string { return filepath.Join(l.RunDir, "kine", "kine.sock:2379") }

// apiServerFlags are those of kube-apiserver, which tolerates no --anonymous-auth beside an AuthenticationConfiguration
// that decides about anonymous requests.
func (c *Controller) apiServerFlags(anonymous anonymousRule) Flags {
	api, layout := c.Config.Spec.API, c.Layout
	flags := Flags{
		"advertise-address": api.Address, "secure-port": strconv.Itoa(api.Port),
		"authorization-mode": "Node,RBAC", "enable-admission-plugins": "NodeRestriction",
		"enable-bootstrap-token-auth": "true", "allow-privileged": "true", "profiling": "false",
		"client-ca-file": layout.pki("ca.crt"),
		"tls-cert-file":  layout.pki("server.crt"), "tls-private-key-file": layout.pki("server.key"),
		"tls-min-version":                    "VersionTLS12",
		"kubelet-certificate-authority":      layout.pki("ca.crt"),
		"kubelet-client-certificate":         layout.pki("apiserver-kubelet-client.crt"),
		"kubelet-client-key":                 layout.pki("apiserver-kubelet-client.key"),
		"kubelet-preferred-address-types":    "InternalIP,ExternalIP,Hostname",
		"proxy-client-cert-file":             layout.pki("front-proxy-client.crt"),
		"proxy-client-key-file":              layout.pki("front-proxy-client.key"),
		"requestheader-client-ca-file":       layout.pki("front-proxy-ca.crt"),
		"requestheader-allowed-names":        "front-proxy-client",
		"requestheader-username-headers":     "X-Remote-User",
		"requestheader-group-headers":        "X-Remote-Group",
		"requestheader-extra-headers-prefix": "X-Remote-Extra-",
		"service-account-key-file":           layout.pki("sa.pub"),
		"service-account-signing-key-file":   layout.pki("sa.key"),
		"service-account-issuer":             "https://kubernetes.default.svc",
		"service-account-jwks-uri":           "https://kubernetes.default.svc/openid/v1/jwks",
		"api-audiences":                      "https://kubernetes.default.svc",
		"service-cluster-ip-range":           c.Config.Spec.Network.ServiceCIDRs(),
	}
	if c.enabled("konnectivity-server") {
		flags["egress-selector-config-file"] = layout.egressConfig()
		flags["api-audiences"] += ",system:konnectivity-server"
	}
	if c.writesEndpoints() {
		flags["endpoint-reconciler-type"] = "none"
	}
	if api.OnlyBindToAddress {
		flags["bind-address"] = api.Address
	}
	if anonymous == anonymousByFlag {
		flags["anonymous-auth"] = "false"
	}
	maps.Copy(flags, c.storageFlags())
	return flags.with(api.ExtraArgs, c.Config.Spec.FeatureGatesFor("kube-apiserver"))
}

func (c *Controller) storageFlags() Flags {
	storage := c.Config.Spec.Storage
	external := storage.Etcd.ExternalCluster
	switch {
	case storage.Type == clusterconfig.StorageKine:
		return Flags{"etcd-servers": "unix://" + c.Layout.kineSocket()}
	case external == nil:
		return Flags{
			"etcd-servers": "https://127.0.0.1:2379",
			"etcd-cafile":  c.Layout.pki("etcd/ca.crt"),
			"etcd-certfile": c.Layout.pki(
				"apiserver-etcd-client.crt",
			),
			"etcd-keyfile": c.Layout.pki("apiserver-etcd-client.key"),
		}
	}
	flags := Flags{"etcd-servers": strings.Join(external.Endpoints, ","), "etcd-prefix": external.EtcdPrefix}
	if external.CAFile != "" {
		flags["etcd-cafile"] = external.CAFile
		flags["etcd-certfile"], flags["etcd-keyfile"] = external.ClientCertFile, external.ClientKeyFile
	}
	return flags
}

func (c *Controller) controllerManagerFlags(spec clusterconfig.Spec) Flags {
	layout := c.Layout
	flags := Flags{
		"kubeconfig": layout.pki("ccm.conf"), "authentication-kubeconfig": layout.pki("ccm.conf"),
		"authorization-kubeconfig": layout.pki("ccm.conf"), "client-ca-file": layout.pki("ca.crt"),
		"cluster-signing-cert-file": layout.pki("ca.crt"), "cluster-signing-key-file": layout.pki("ca.key"),
		"root-ca-file": layout.pki("ca.crt"), "requestheader-client-ca-file": layout.pki("front-proxy-ca.crt"),
		"service-account-private-key-file": layout.pki("sa.key"), "use-service-account-credentials": "true",
		"allocate-node-cidrs": "true", "cluster-cidr": spec.Network.PodCIDRs(),
		"service-cluster-ip-range": spec.Network.ServiceCIDRs(), "cluster-name": "k0s",
		"controllers": "*,bootstrapsigner,tokencleaner", "bind-address": "127.0.0.1", "profiling": "false",
		"leader-elect": strconv.FormatBool(spec.Storage.Joinable()),
	}
	if spec.Network.DualStack.Enabled {
		flags["node-cidr-mask-size-ipv4"], flags["node-cidr-mask-size-ipv6"] = "24", "117"
	} else {
		flags["node-cidr-mask-size"] = "24"
	}
	return flags.with(spec.ControllerManager.ExtraArgs, spec.FeatureGatesFor("kube-controller-manager"))
}

func (c *Controller) schedulerFlags(spec clusterconfig.Spec) Flags {
	config := c.Layout.pki("scheduler.conf")
	flags := Flags{
		"kubeconfig": config, "authentication-kubeconfig": config, "authorization-kubeconfig": config,
		"bind-address": "127.0.0.1", "profiling": "false", "leader-elect": strconv.FormatBool(spec.Storage.Joinable()),
	}
	return flags.with(spec.Scheduler.ExtraArgs, spec.FeatureGatesFor("kube-scheduler"))
}

func (c *Controller) konnectivityFlags() Flags {
	spec := c.Config.Spec.Konnectivity
	return Flags{
		"uds-name": c.Layout.konnectivitySocket(), "delete-existing-uds-file": "true", "mode": "grpc", "server-port": "0",
		"cluster-cert": c.Layout.pki("server.crt"), "cluster-key": c.Layout.pki("server.key"),
		"kubeconfig": c.Layout.pki("konnectivity.conf"), "agent-port": strconv.Itoa(spec.AgentPort),
		"admin-port": strconv.Itoa(spec.AdminPort), "health-bind-address": "localhost", "health-port": "8092",
		"agent-namespace": "kube-system", "agent-service-account": "konnectivity-agent",
		"authentication-audience": "system:konnectivity-server", "server-count": "1", "server-id": c.invocation,
		"proxy-strategies": "destHost,defaultRoute,default", "logtostderr": "true",
	}
}

func (c *Controller) etcdFlags(hostname string) Flags {
	etcd := c.Config.Spec.Storage.Etcd
	peer := "https://" + net.JoinHostPort(etcd.PeerAddress, "2380")
	return Flags{
		"name": hostname, "data-dir": filepath.Join(c.Layout.DataDir, "etcd"), "log-level": "info",
		"listen-client-urls": "https://127.0.0.1:2379", "advertise-client-urls": "https://127.0.0.1:2379",
		"listen-peer-urls": peer, "initial-advertise-peer-urls": peer,
		"client-cert-auth": "true", "trusted-ca-file": c.Layout.pki("etcd/ca.crt"),
		"cert-file": c.Layout.pki("etcd/server.crt"), "key-file": c.Layout.pki("etcd/server.key"),
		"peer-client-cert-auth": "true", "peer-trusted-ca-file": c.Layout.pki("etcd/ca.crt"),
		"peer-cert-file": c.Layout.pki("etcd/peer.crt"), "peer-key-file": c.Layout.pki("etcd/peer.key"),
		"tls-min-version": "TLS1.2",
	}.with(etcd.ExtraArgs, "")
}

func (c *Controller) kineFlags() Flags {
	kine := c.Config.Spec.Storage.Kine
	return Flags{
		"endpoint": kine.DataSource, "listen-address": "unix://" + c.Layout.kineSocket(),
		"metrics-bind-address": ":2380", "compact-interval": "0",
	}.with(kine.ExtraArgs, "")
}
