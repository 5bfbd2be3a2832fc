// SPDX-License-Identifier: Apache-2.0

package k0sconfig

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
)

// Hash is a fingerprint of any JSON value, "<schema>-<sha256 in hex>": the
// inputs from which something was rendered, recorded on it. It depends on the
// content alone, not on the order of keys or of struct fields. Raise the schema
// when the meaning of the inputs changes, so that hashes of different meaning
// never match by accident.
func Hash(schema string, inputs any) (string, error) {
	plain, err := plainJSON(inputs)
	if err != nil {
		return "", fmt.Errorf("hashing: %w", err)
	}
	canonical, err := json.Marshal(plain)
	if err != nil {
		return "", fmt.Errorf("hashing: %w", err)
	}
	return fmt.Sprintf("%s-%x", schema, sha256.Sum256(canonical)), nil
}

// plainJSON turns structs into maps, whose keys are written in order. Numbers
// keep their digits.
func plainJSON(value any) (any, error) {
	written, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(written))
	decoder.UseNumber()
	var plain any
	if err := decoder.Decode(&plain); err != nil {
		return nil, err
	}
	return plain, nil
}
