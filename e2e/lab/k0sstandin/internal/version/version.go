// SPDX-License-Identifier: Apache-2.0

// Package version names the k0s release that the stand-in stands in for.
package version

// Version is the release, exactly as that release prints it: programs compare it.
const Version = "v1.36.3+k0s.2"

// KubernetesMinor is the minor that appears in the names of worker-config objects.
const KubernetesMinor = "1.36"

// Notice is what every command prints to standard error, so that nobody takes the stand-in for k0s.
const Notice = "this is the lab's stand-in for k0s " + Version + ", not k0s"
