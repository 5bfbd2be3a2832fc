// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/child"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/etcd"
	"github.com/k0smotron/k0smotron/shared/pki"
)

// leafSecret is a Secret with leaf certificates of one CA.
type leafSecret struct {
	role   child.Role
	name   string
	ca     pki.CA
	extra  map[string][]byte
	leaves []leafPair
}

// leafPair is a leaf and the keys of a Secret that it is kept under.
type leafPair struct {
	leaf            pki.Leaf
	certKey, keyKey string
}

// etcdLeaves issues what etcd and its client show each other, and issues it again when less than a third of its life is
// left. The pods that mount it are restarted by its fingerprint.
func (r *Reconciler) etcdLeaves(ctx context.Context, s *scope) error {
	ca, err := pki.ParseCA(s.pairs[pki.EtcdCA])
	if err != nil {
		return fmt.Errorf("reading the etcd CA: %w", err)
	}
	names := etcd.NamesOf(s.identity())
	server, err := r.leafSecretApplied(ctx, s, leafSecret{
		role: child.RoleEtcdServer, name: names.ServerSecret(), ca: ca,
		extra: map[string][]byte{etcd.KeyCA: ca.PEM},
		leaves: []leafPair{
			{pki.EtcdServer(names.ServerNames()...), etcd.KeyServerCert, etcd.KeyServerKey},
			{pki.EtcdPeer(names.Member(), names.PeerNames()...), etcd.KeyPeerCert, etcd.KeyPeerKey},
		},
	})
	if err != nil {
		return err
	}
	client, err := r.leafSecretApplied(ctx, s, leafSecret{
		role: child.RoleEtcdClient, name: names.ClientSecret(), ca: ca,
		leaves: []leafPair{{pki.EtcdClient(), pki.CertKey, pki.PrivateKeyKey}},
	})
	if err != nil {
		return err
	}
	s.leaves.etcdServer = s.key.Fingerprint(server[etcd.KeyCA], server[etcd.KeyServerCert], server[etcd.KeyPeerCert])
	s.leaves.placed = s.placedFingerprint(client[pki.CertKey])
	return nil
}

// leafSecretApplied makes a Secret hold good leaves and returns its content.
func (r *Reconciler) leafSecretApplied(ctx context.Context, s *scope, want leafSecret) (map[string][]byte, error) {
	live := &corev1.Secret{}
	if _, err := lookup(ctx, r.Client, s.object(want.name), live); err != nil {
		return nil, err
	}
	if want.due(s, live.Data) {
		// The cache may be behind: a leaf issued twice would restart pods twice.
		live = &corev1.Secret{}
		if _, err := lookup(ctx, r.Live, s.object(want.name), live); err != nil {
			return nil, err
		}
	}
	data, err := r.renewed(s, want, live.Data)
	if err != nil {
		return nil, err
	}
	secret := &corev1.Secret{
		ObjectMeta: s.identity().Meta(want.role, want.name), Type: clusterv1.ClusterSecretType, Data: data,
	}
	if err := r.Applier.Apply(ctx, s.controlPlane, secret); err != nil {
		return nil, err
	}
	return data, want.noteExpiry(s, data)
}

func (w leafSecret) due(s *scope, data map[string][]byte) bool {
	for _, pair := range w.leaves {
		if w.renewal(s, pair, data).Due() {
			return true
		}
	}
	return false
}

func (w leafSecret) renewal(s *scope, pair leafPair, data map[string][]byte) pki.Renewal {
	return pki.RenewalOf(pki.Standing{
		Now: s.now, CA: w.ca, Wanted: pair.leaf, Current: pki.Pair{Cert: data[pair.certKey], Key: data[pair.keyKey]},
	})
}

// renewed is the wanted content: good leaves stay, the others are issued.
func (r *Reconciler) renewed(s *scope, want leafSecret, data map[string][]byte) (map[string][]byte, error) {
	content := map[string][]byte{}
	maps.Copy(content, want.extra)
	for _, pair := range want.leaves {
		content[pair.certKey], content[pair.keyKey] = data[pair.certKey], data[pair.keyKey]
		if !want.renewal(s, pair, data).Due() {
			continue
		}
		issued, err := r.Issuer.Issue(want.ca, pair.leaf)
		if err != nil {
			return nil, err
		}
		content[pair.certKey], content[pair.keyKey] = issued.Cert, issued.Key
	}
	return content, nil
}

func (w leafSecret) noteExpiry(s *scope, data map[string][]byte) error {
	for _, pair := range w.leaves {
		certificate, err := pki.ParseCertificate(data[pair.certKey])
		if err != nil {
			return fmt.Errorf("reading Secret %s: %w", w.name, err)
		}
		s.leaves.expires(certificate.NotAfter)
	}
	return nil
}
