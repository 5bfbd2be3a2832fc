// SPDX-License-Identifier: Apache-2.0

package storage_test

import (
	"path"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/child"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/storage"
)

// TestEtcd: every file that k0s is told about is placed, and the key of the CA is not among them.
func TestEtcd(t *testing.T) {
	t.Parallel()
	backend := storage.Etcd(child.Identity{Namespace: "zoo", Cluster: "tiger"}, "tiger-etcd")
	external := backend.K0s.ExternalEtcd
	require.NotNil(t, external)
	placed := map[string]storage.File{}
	for _, file := range backend.Files {
		placed[path.Join("/var/lib/k0s/pki", file.Path)] = file
		if file.Secret == "tiger-etcd" {
			assert.Equal(t, "tls.crt", file.Key, "never the key of the CA")
		}
	}
	for _, file := range []string{external.CAFile, external.ClientCertFile, external.ClientKeyFile} {
		assert.Contains(t, placed, file)
	}
	assert.Len(t, placed, 3)
	assert.Equal(t, []string{"https://tiger-etcd.zoo.svc:2379"}, external.Endpoints)
}

// TestKine: the fingerprint tells data sources apart and tells nothing about them.
func TestKine(t *testing.T) {
	t.Parallel()
	const source = "postgres://user:password@host/db"
	backend := storage.Kine(source, child.Key("key"))
	assert.Equal(t, source, backend.K0s.Kine.DataSource)
	assert.Empty(t, backend.Files)
	assert.NotContains(t, backend.Fingerprint, "password")
	assert.Equal(t, backend.Fingerprint, storage.Kine(source, child.Key("key")).Fingerprint)
	assert.NotEqual(t, backend.Fingerprint, storage.Kine(source+"2", child.Key("key")).Fingerprint)
	assert.NotEqual(t, backend.Fingerprint, storage.Kine(source, child.Key("another")).Fingerprint)
}
