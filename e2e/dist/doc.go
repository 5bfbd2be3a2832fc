// SPDX-License-Identifier: Apache-2.0

// Package dist lays out what a release publishes: for each provider its components and metadata in clusterctl's local
// repository form, a Helm chart and an image archive, and one clusterctl configuration that points to all of them.
//
// Kustomize's output is the single source. The version is the tag of the manager's image in it, and the chart is the
// same objects with a few values in place of their literals, so that both ways to install give the same cluster.
package dist
