// SPDX-License-Identifier: Apache-2.0

package k0sversion

// Feature is something that only some of the supported k0s releases can do.
type Feature string

const (
	// HostPortExternalAddress is spec.api.externalAddress in the form
	// host:port. Without it the port is always spec.api.port.
	HostPortExternalAddress Feature = "HostPortExternalAddress"
	// KonnectivityExternalAddress is spec.konnectivity.externalAddress. Without
	// it agents dial the API's host on spec.konnectivity.agentPort.
	KonnectivityExternalAddress Feature = "KonnectivityExternalAddress"
	// AnonymousHealthAuthConfig is an AuthenticationConfiguration with an
	// anonymous section: from here on k0s drops its own --anonymous-auth then,
	// before kube-apiserver refuses to start with both.
	AnonymousHealthAuthConfig Feature = "AnonymousHealthAuthConfig"
	// PrimaryAddressFamily is spec.network.primaryAddressFamily. Without it the
	// family follows the external address.
	PrimaryAddressFamily Feature = "PrimaryAddressFamily"
	// RawArgs is the rawArgs list beside extraArgs, kine's excepted.
	RawArgs Feature = "RawArgs"
	// KineArgs are extraArgs and rawArgs of kine.
	KineArgs Feature = "KineArgs"
	// CertificateLifetimes is the ca section with the lifetimes of what k0s
	// issues itself.
	CertificateLifetimes Feature = "CertificateLifetimes"
	// AddonPatches are the patches of network add-ons and the metrics server.
	AddonPatches Feature = "AddonPatches"
	// KubeProxyHealthzAddress is spec.network.kubeProxy.healthzBindAddress.
	KubeProxyHealthzAddress Feature = "KubeProxyHealthzAddress"
	// WindowsImages is spec.images.windows.
	WindowsImages Feature = "WindowsImages"
	// UpdateProber is the component update-prober, which older releases refuse to
	// disable because they do not know it.
	UpdateProber Feature = "UpdateProber"
	// TraefikLoadBalancing is Traefik as node-local load balancer.
	TraefikLoadBalancing Feature = "TraefikLoadBalancing"
	// JoinByEtcdData is that a controller with a join token joins unless its etcd
	// has data. Older releases join only while the CA of the cluster is missing,
	// and read the token at every start.
	JoinByEtcdData Feature = "JoinByEtcdData"
)

// Since lists, for a feature, the first release of every minor line that has
// it, oldest first; lines after the last one have it from their start. It reads
// well in messages: "needs k0s v1.33.6, v1.34.0 or later".
func (f Feature) Since() []Version {
	switch f {
	case HostPortExternalAddress, KonnectivityExternalAddress:
		return []Version{first(31, 13, 0), first(32, 10, 0), first(33, 6, 0), first(34, 0, 0)}
	case UpdateProber:
		return []Version{first(32, 10, 0), first(33, 6, 0), first(34, 0, 0)}
	case JoinByEtcdData:
		return []Version{first(31, 5, 0), first(32, 1, 0), first(33, 0, 0)}
	case CertificateLifetimes:
		return []Version{first(33, 0, 0)}
	case PrimaryAddressFamily, RawArgs, WindowsImages:
		return []Version{first(34, 0, 0)}
	case KineArgs:
		return []Version{first(35, 0, 0)}
	case AddonPatches, KubeProxyHealthzAddress, TraefikLoadBalancing:
		return []Version{first(36, 0, 0)}
	case AnonymousHealthAuthConfig:
		return []Version{first(36, 3, 1)}
	default:
		return nil
	}
}

// first is a release as Since lists it, written without a build number where
// that is the first one.
func first(minor, patch, build int) Version {
	v := Version{minor: minor, patch: patch, build: build}
	if v.text = v.Kubernetes(); build > 0 {
		v.text = v.Release()
	}
	return v
}

// Supports tells whether this release has the feature. Nothing supports a
// feature that [Feature.Since] does not list.
func (v Version) Supports(feature Feature) bool {
	supported := false
	for _, start := range feature.Since() {
		if start.minor > v.minor {
			break
		}
		supported = start.minor < v.minor || v.Compare(start) >= 0
	}
	return supported
}
