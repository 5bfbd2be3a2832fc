// SPDX-License-Identifier: Apache-2.0

// Package k0scontract holds k0s to what the providers rely on.
//
// What they rely on is not listed by hand: it is read from their golden files. Every flag, configuration key, file, port,
// probe and capability that occurs in one becomes a [Fact], and every fact needs a case, so a new kind of output without
// a case fails a test that needs neither root nor k0s. The cases themselves run against a k0s in a sandbox of its own:
//
//	make k0s-contract
//
// which is `go test -tags k0scontract ./k0scontract`, needs root and takes the k0s that the lab would take (K0S_BINARY, the
// official release, or the lab's stand-in).
package k0scontract
