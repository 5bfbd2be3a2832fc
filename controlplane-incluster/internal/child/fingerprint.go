// SPDX-License-Identifier: Apache-2.0

package child

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// Key makes fingerprints that only whoever holds the key can compare with a guess: annotations of pods are read by many,
// and what is fingerprinted may hold passwords. The private key of the cluster's CA serves, because it never changes.
type Key []byte

// Fingerprint is a short text that differs when any of the parts does.
func (k Key) Fingerprint(parts ...[]byte) string {
	mac := hmac.New(sha256.New, k)
	for _, part := range parts {
		// With the length before it, no two lists of parts read the same.
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		mac.Write(part)
	}
	return hex.EncodeToString(mac.Sum(nil))
}
