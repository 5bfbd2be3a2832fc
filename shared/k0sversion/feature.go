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
	// RawArgs is the rawArgs list beside extraArgs.
	RawArgs Feature = "RawArgs"
	// CertificateLifetimes is the ca section with the lifetimes of what k0s
	// issues itself.
	CertificateLifetimes Feature = "CertificateLifetimes"
	// AddonPatches are the patches of network add-ons and the metrics server.
	AddonPatches Feature = "AddonPatches"
	// TraefikLoadBalancing is Traefik as node-local load balancer.
	TraefikLoadBalancing Feature = "TraefikLoadBalancing"
)

// since lists, for a feature, the first release of every minor line that has
// it, oldest first. Lines after the last entry have it from their start.
func since(feature Feature) []Version {
	switch feature {
	case HostPortExternalAddress:
		return []Version{at(31, 13, 0), at(32, 10, 0), at(33, 6, 0), at(34, 0, 0)}
	case KonnectivityExternalAddress:
		return []Version{at(33, 6, 0), at(34, 0, 0)}
	case RawArgs:
		return []Version{at(34, 0, 0)}
	case CertificateLifetimes:
		return []Version{at(33, 0, 0)}
	case AddonPatches, TraefikLoadBalancing:
		return []Version{at(36, 0, 0)}
	case AnonymousHealthAuthConfig:
		return []Version{at(36, 3, 1)}
	default:
		return nil
	}
}

func at(minor, patch, build int) Version { return Version{minor: minor, patch: patch, build: build} }

// Supports tells whether this release has the feature. Nothing supports a
// feature that is not in the list above.
func (v Version) Supports(feature Feature) bool {
	supported := false
	for _, first := range since(feature) {
		if first.minor > v.minor {
			break
		}
		supported = v.minor > first.minor || v.Compare(first) >= 0
	}
	return supported
}
