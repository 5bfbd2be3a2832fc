// SPDX-License-Identifier: Apache-2.0

package k0sconfig

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
)

// Hash is a fingerprint of any JSON value: "<schema>-<sha256>". It depends on
// the content alone, not on the order of keys or of struct fields. Raise the
// schema when the meaning of the inputs changes, so that old and new hashes
// never match by accident.
func Hash(schema string, inputs any) (string, error) {
	document, err := normalise(inputs)
	if err != nil {
		return "", fmt.Errorf("hashing: %w", err)
	}
	canonical, err := json.Marshal(document)
	if err != nil {
		return "", fmt.Errorf("hashing: %w", err)
	}
	return fmt.Sprintf("%s-%x", schema, sha256.Sum256(canonical)), nil
}

// normalise copies a value into plain JSON: maps, lists, strings, numbers,
// booleans and nil.
func normalise(value any) (any, error) {
	written, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var plain any
	if err := json.Unmarshal(written, &plain); err != nil {
		return nil, err
	}
	return plain, nil
}
