// SPDX-License-Identifier: Apache-2.0

// Package storage tells what a kind of storage adds to a control plane pod: what k0s is told about it, and which files it
// needs for that.
package storage

import (
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/child"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/etcd"
	"github.com/k0smotron/k0smotron/shared/k0sconfig"
)

// Directory of the certificates in the pod, that of all certificates of k0s.
const pkiDir = "/var/lib/k0s/pki/"

// Files of the certificates that lead to etcd, below the pki directory.
const (
	FileEtcdCA         = "etcd-ca.crt"
	FileEtcdClientCert = "apiserver-etcd-client.crt"
	FileEtcdClientKey  = "apiserver-etcd-client.key"
)

// Backend is what a kind of storage adds to a control plane pod.
type Backend struct {
	// K0s is what k0s is told.
	K0s k0sconfig.Storage
	// Files are files of Secrets that k0s needs below its pki directory.
	Files []File
	// Fingerprint stands for the content of K0s among the inputs of a pod. It reveals nothing of it.
	Fingerprint string
}

// File is one key of a Secret and the file it becomes.
type File struct {
	// Secret is the name of the Secret.
	Secret string
	// Key is the key in the Secret.
	Key string
	// Path is the path of the file below the pki directory.
	Path string
}

// Etcd is the storage in the etcd run by this provider. k0s gets the certificate of its CA, never the key.
func Etcd(identity child.Identity, caSecret string) Backend {
	names := etcd.NamesOf(identity)
	return Backend{
		K0s: k0sconfig.Storage{ExternalEtcd: &k0sconfig.ExternalEtcd{
			Endpoints:      []string{names.Endpoint()},
			Prefix:         "/" + identity.Cluster,
			CAFile:         pkiDir + FileEtcdCA,
			ClientCertFile: pkiDir + FileEtcdClientCert,
			ClientKeyFile:  pkiDir + FileEtcdClientKey,
		}},
		Files: []File{
			{Secret: caSecret, Key: "tls.crt", Path: FileEtcdCA},
			{Secret: names.ClientSecret(), Key: "tls.crt", Path: FileEtcdClientCert},
			{Secret: names.ClientSecret(), Key: "tls.key", Path: FileEtcdClientKey},
		},
		Fingerprint: "etcd",
	}
}

// Kine is the storage in a database. The data source holds credentials: of it, only a fingerprint leaves the Secret.
func Kine(dataSource string, key child.Key) Backend {
	return Backend{
		K0s:         k0sconfig.Storage{Kine: &k0sconfig.Kine{DataSource: dataSource}},
		Fingerprint: "kine-" + key.Fingerprint([]byte(dataSource)),
	}
}
