// SPDX-License-Identifier: Apache-2.0

package pki

// Purpose is what a long-lived pair of a cluster is for. Its text is the
// suffix of the Secret that Cluster API expects: <cluster>-<purpose>.
type Purpose string

const (
	// KubernetesCA signs everything that talks to kube-apiserver.
	KubernetesCA Purpose = "ca"
	// EtcdCA signs the servers, peers and clients of etcd.
	EtcdCA Purpose = "etcd"
	// FrontProxyCA signs the aggregation layer's client certificate.
	FrontProxyCA Purpose = "proxy"
	// ServiceAccount is the key pair that signs ServiceAccount tokens. It has
	// no certificate; the public key stands where the others have theirs.
	ServiceAccount Purpose = "sa"
)

// Purposes are all of them, in the order in which they are made and reported.
func Purposes() []Purpose {
	return []Purpose{KubernetesCA, EtcdCA, FrontProxyCA, ServiceAccount}
}

// IsCA tells a certificate authority from the bare ServiceAccount key pair.
func (p Purpose) IsCA() bool { return p != ServiceAccount }

// CommonName is the name under which k0s knows the CA; empty for
// ServiceAccount.
func (p Purpose) CommonName() string {
	switch p {
	case KubernetesCA:
		return "kubernetes-ca"
	case EtcdCA:
		return "etcd-ca"
	case FrontProxyCA:
		return "kubernetes-front-proxy-ca"
	default:
		return ""
	}
}

// Files are the two files of a pair, relative to the pki folder of the k0s
// data directory.
type Files struct {
	// Cert is the certificate, for ServiceAccount the public key.
	Cert string
	// Key is the private key.
	Key string
}

// Files are the names under which k0s looks for the pair.
func (p Purpose) Files() Files {
	switch p {
	case EtcdCA:
		return Files{Cert: "etcd/ca.crt", Key: "etcd/ca.key"}
	case FrontProxyCA:
		return Files{Cert: "front-proxy-ca.crt", Key: "front-proxy-ca.key"}
	case ServiceAccount:
		return Files{Cert: "sa.pub", Key: "sa.key"}
	default:
		return Files{Cert: "ca.crt", Key: "ca.key"}
	}
}
