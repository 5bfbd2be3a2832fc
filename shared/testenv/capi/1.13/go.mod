// SPDX-License-Identifier: Apache-2.0

// Pins the CRDs of Cluster API 1.13 for tests (testenv.Releases). Nothing is built from this module.
module github.com/k0smotron/k0smotron/shared/testenv/capi/1.13

go 1.26.0

require sigs.k8s.io/cluster-api v1.13.6
