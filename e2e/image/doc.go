// SPDX-License-Identifier: Apache-2.0

// Package image builds container images from nothing but files, without a container engine, a base image or a network.
//
// An archive is an OCI image layout in a tar file that carries docker's manifest.json as well,
// so containerd (`ctr -n k8s.io images import`), docker (`docker load`) and registry tools all read the same file.
// The same input gives the same bytes: entries are sorted, times are fixed, owners are numeric.
package image
