// SPDX-License-Identifier: Apache-2.0

package k0sconfig_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/shared/k0sconfig"
)

func hash(t *testing.T, schema string, inputs any) string {
	t.Helper()
	text, err := k0sconfig.Hash(schema, inputs)
	require.NoError(t, err)
	return text
}

func TestHashIsKnown(t *testing.T) {
	t.Parallel()
	// printf '{"a":1,"b":[true,null]}' | sha256sum
	const want = "v1-1cc69c7fa23616ca2ec3ee70d24390a6225c8832db8a4c814c7e0e7f942f8668"
	got := hash(t, "v1", map[string]any{"b": []any{true, nil}, "a": 1})
	assert.Equal(t, want, got)
	assert.Equal(t, got, hash(t, "v1", json.RawMessage(`{ "a": 1, "b": [true, null] }`)))
}

func TestHashSeesContentOnly(t *testing.T) {
	t.Parallel()
	type ordered struct {
		A string `json:"a"`
		B int    `json:"b"`
	}
	type otherOrder struct {
		B int64  `json:"b"`
		A string `json:"a"`
	}
	same := hash(t, "v1", ordered{"x", 1})
	assert.Equal(t, same, hash(t, "v1", otherOrder{1, "x"}))
	assert.Equal(t, same, hash(t, "v1", map[string]any{"b": 1.0, "a": "x"}))
	assert.NotEqual(t, same, hash(t, "v1", ordered{"x", 2}))
	assert.NotEqual(t, same, hash(t, "v2", ordered{"x", 1}))
	assert.NotEqual(t, hash(t, "v1", []int{1, 2}), hash(t, "v1", []int{2, 1}))
	assert.NotEqual(
		t,
		hash(t, "v1", json.RawMessage("9007199254740993")),
		hash(t, "v1", json.RawMessage("9007199254740992")),
	)
}

func TestHashSeesTheVersion(t *testing.T) {
	t.Parallel()
	one := k0sconfig.Facts{Version: version(t, "v1.36.3+k0s.1")}
	two := k0sconfig.Facts{Version: version(t, "v1.36.3+k0s.2")}
	assert.NotEqual(t, hash(t, "v1", one), hash(t, "v1", two))
}

func TestHashRefuses(t *testing.T) {
	t.Parallel()
	for _, bad := range []any{math.NaN(), make(chan int)} {
		_, err := k0sconfig.Hash("v1", bad)
		require.ErrorContains(t, err, "hashing")
	}
}
