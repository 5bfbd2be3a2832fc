// SPDX-License-Identifier: Apache-2.0

// Package jointoken makes the tokens with which machines join a k0s cluster.
//
// A join token is not issued by k0s. It is a bootstrap token (an id and a
// secret) wrapped in a kubeconfig, packed as base64(gzip(YAML)), and it works
// as soon as a Secret with the same id and secret lies in the workload
// cluster. Whoever can write that Secret can make tokens without running a
// k0s binary:
//
//	New          id and secret from crypto/rand
//	BootstrapSecret   what the workload cluster must know about them
//	Join.Encode  what the machine gets
//
// The two roles differ in three places, and k0s checks all of them: the name
// of the user in the kubeconfig, the port (kube-apiserver for workers, the
// join API for controllers) and the usage keys of the Secret. A token of one
// role is refused where the other is expected.
//
// A token carries no expiry; the Secret does. Deleting the Secret revokes the
// token at once.
package jointoken
