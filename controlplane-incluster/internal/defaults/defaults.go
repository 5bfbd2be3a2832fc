// SPDX-License-Identifier: Apache-2.0

// Package defaults holds everything that changes with a release of this provider or of k0s: names, images, ports.
package defaults

import "github.com/k0smotron/k0smotron/shared/k0sversion"

const (
	// ProviderName is the name of this provider: of its chart, its image, its namespace and its field owner.
	ProviderName = "k0smotron-controlplane-incluster"

	// K0sImage is the repository of the k0s image.
	K0sImage = "ghcr.io/k0sproject/k0s"

	// APIPort is the port of the API server when nothing else is asked for.
	APIPort = 6443

	// KonnectivityPort is the port the konnectivity agents dial when nothing else is asked for.
	KonnectivityPort = 8132

	// EtcdVolumeSize is the size of etcd's volume when nothing else is asked for.
	EtcdVolumeSize = "1Gi"

	etcdRepository = "quay.io/coreos/etcd"
)

// EtcdImage is the etcd image for a new cluster: the release that the newest k0s of the same minor version bundles.
func EtcdImage(version k0sversion.Version) string {
	return etcdRepository + ":" + etcdRelease(version.Minor())
}

func etcdRelease(minor int) string {
	switch {
	case minor <= 31:
		return "v3.5.25"
	case minor == 32:
		return "v3.5.27"
	case minor == 33:
		return "v3.5.33"
	default:
		return "v3.6.14"
	}
}
