// SPDX-License-Identifier: Apache-2.0

// Package pki holds the certificates a k0s control plane needs: what they are
// for, what they are called, how they are issued, when they are renewed, and
// what is wrong with a pair that a user supplied.
//
// # Pairs and purposes
//
// Four pairs are made once, before the cluster is initialised, and never
// again, because the cluster is lost with them. A [Purpose] names each:
//
//	Purpose           Secret            files for k0s                 common name
//	KubernetesCA      <cluster>-ca      ca.crt, ca.key                kubernetes-ca
//	EtcdCA            <cluster>-etcd    etcd/ca.crt, etcd/ca.key      etcd-ca
//	FrontProxyCA      <cluster>-proxy   front-proxy-ca.crt, .key      kubernetes-front-proxy-ca
//	ServiceAccount    <cluster>-sa      sa.pub, sa.key                none: a bare key pair
//
// The common names are not taste. At every start k0s re-issues the leaf
// certificates whose issuer bears one of exactly these names (or that of the
// cluster CA); leaves of any other issuer are left alone until they expire.
//
// # Leaves
//
// k0s issues its own leaves. We issue what lies outside k0s: the certificates
// of an etcd that we run, the client certificate with which kube-apiserver
// reaches it, and the client certificate of the admin kubeconfig. A [Leaf]
// says what a certificate should look like, an [Issuer] signs it, and
// [RenewalOf] decides whether the one at hand is still good.
//
// # Keys
//
// What we generate is ECDSA on P-256. k0s, kube-apiserver and etcd were run
// with such CAs and such ServiceAccount keys and behave as with RSA; a key
// takes microseconds instead of the hundreds of milliseconds that RSA-2048
// can take, so a control plane with all its certificates costs no noticeable
// time; and the PEM is small. Users may bring RSA (2048 bits or more) or ECDSA:
// [Verify] accepts both.
package pki
