// SPDX-License-Identifier: Apache-2.0

// Package k0sversion knows how k0s numbers its releases. It is the only place
// that knows the "+k0s." suffix; everybody else passes a [Version] around.
//
// A k0s release is a Kubernetes release plus a build number that k0s counts up
// on the same Kubernetes: v1.36.3+k0s.2 is the third build of v1.36.3. One
// release therefore has several spellings, and mixing them up is what makes
// clusters look outdated for ever:
//
//	spec, status   v1.36.3, v1.36.3+k0s or v1.36.3+k0s.2   as the user wrote it (String)
//	release, URL   v1.36.3+k0s.2                            always with a build (Release)
//	image tag      v1.36.3-k0s.2                            "+" is illegal in tags (ImageTag)
//	kubelet, API   v1.36.3+k0s                              never with a build (Kubelet)
//	Kubernetes     v1.36.3                                  what is bundled (Kubernetes)
//
// A missing build number means the first build, +k0s.0; it never means "the
// latest", because a version that changes its meaning would roll machines on
// its own.
//
// The package also knows which release learned which feature (see [Feature]).
// That matters because k0s refuses to start on a configuration key it does not
// know.
package k0sversion
