// SPDX-License-Identifier: Apache-2.0

// Package kubeconfig makes the admin kubeconfig of a workload cluster from the
// CA that we hold.
//
// Nothing has to be asked of the cluster: kube-apiserver trusts every client
// certificate of the cluster CA, so a kubeconfig signed here works as soon as
// the API answers, and before it as a probe. It is what Cluster API expects in
// the Secret <cluster>-kubeconfig. Its certificate lives a year and is renewed
// at half time, the practice of the kubeadm control plane, so that a copy
// somebody took keeps working for at least six months.
package kubeconfig
