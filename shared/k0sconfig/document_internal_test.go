// SPDX-License-Identifier: Apache-2.0

package k0sconfig

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func sample() map[string]any {
	return map[string]any{"a": map[string]any{"b": map[string]any{"c": "x"}, "n": int64(1)}, "t": "text"}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		want  any
		found bool
	}{
		"a.b.c": {"x", true}, "a.n": {int64(1), true}, "t": {"text", true},
		"a.b.d": {nil, false}, "t.b": {nil, false}, "x": {nil, false}, "x.y.z": {nil, false}, "a.b.c.d": {nil, false},
	}
	for place, test := range cases {
		value, found := lookup(sample(), at(place))
		assert.Equal(t, test.want, value, place)
		assert.Equal(t, test.found, found, place)
	}
	_, found := lookup(nil, at("a"))
	assert.False(t, found)
	assert.Equal(t, "x", lookupAs[string](sample(), at("a.b.c")))
	assert.Empty(t, lookupAs[string](sample(), at("a.n")), "a value of another type is no value")
}

func TestPut(t *testing.T) {
	t.Parallel()
	document := sample()
	put(document, at("a.b.d"), "y")
	put(document, at("new.deep.key"), true)
	put(document, at("a.flags").child("with.dot"), "z")
	assert.Equal(t, map[string]any{
		"a": map[string]any{
			"b": map[string]any{"c": "x", "d": "y"}, "n": int64(1), "flags": map[string]any{"with.dot": "z"},
		},
		"new": map[string]any{"deep": map[string]any{"key": true}},
		"t":   "text",
	}, document)
}

func TestDrop(t *testing.T) {
	t.Parallel()
	for place, want := range map[string]map[string]any{
		"a.b.c": {"a": map[string]any{"n": int64(1)}, "t": "text"},
		"a.n":   {"a": map[string]any{"b": map[string]any{"c": "x"}}, "t": "text"},
		"t":     {"a": map[string]any{"b": map[string]any{"c": "x"}, "n": int64(1)}},
		"no":    sample(),
		"a.no":  sample(),
	} {
		document := sample()
		drop(document, at(place))
		assert.Equal(t, want, document, place)
	}
	lonely := map[string]any{"a": map[string]any{"b": map[string]any{"c": 1}}}
	drop(lonely, at("a.b.c"))
	assert.Empty(t, lonely, "objects that are empty then go too")
}

func TestCopyOf(t *testing.T) {
	t.Parallel()
	original := map[string]any{
		"int":    7,
		"float":  1.5,
		"list":   []any{map[string]any{"null": nil}},
		"null":   nil,
		"object": map[string]any{"null": nil},
	}
	copied, err := copyOf(original)
	require.NoError(t, err)
	assert.Equal(t, map[string]any{
		"int": int64(7), "float": 1.5, "list": []any{map[string]any{"null": nil}}, "object": map[string]any{},
	}, copied)
	put(copied, at("object.new"), true)
	assert.Equal(t, map[string]any{"null": nil}, original["object"])
}

func TestPathString(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "spec.api.port", at("spec.api.port").String())
	assert.Equal(t, `spec.""`, at("spec").child("").String())
	parent := at("spec.api")
	assert.Equal(t, "spec.api.a", parent.child("a").String())
	assert.Equal(t, "spec.api.b", parent.child("b").String(), "children of one parent do not share memory")
}

func TestShown(t *testing.T) {
	t.Parallel()
	for want, value := range map[string]any{
		`"text"`: "text", "7": int64(7), "true": true, `"quote\""`: `quote"`,
	} {
		assert.Equal(t, want, shown(value))
	}
	for _, hidden := range []any{nil, map[string]any{"a": 1}, []any{1}, make(chan int)} {
		assert.Empty(t, shown(hidden), "sections may be long or secret")
	}
}
