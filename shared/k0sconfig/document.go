// SPDX-License-Identifier: Apache-2.0

package k0sconfig

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"
)

// Parse reads a user's ClusterConfig document, YAML or JSON, into plain JSON
// types with whole numbers as int64. Nothing at all is an empty document; keys
// that stand twice are refused.
func Parse(document []byte) (map[string]any, error) {
	text, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return nil, fmt.Errorf("reading k0s configuration: %w", err)
	}
	var parsed map[string]any
	if err := json.Unmarshal(text, &parsed); err != nil {
		return nil, fmt.Errorf("reading k0s configuration: %w", err)
	}
	return parsed, nil
}

// copyOf is a deep copy in plain JSON types, with whole numbers as int64: what
// the API machinery calls unstructured. It fails on what JSON cannot say. Keys
// that are null are left out: to k0s they are not there.
func copyOf(document map[string]any) (map[string]any, error) {
	written, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	var plain map[string]any
	if err := json.Unmarshal(written, &plain); err != nil {
		return nil, err
	}
	dropNulls(plain)
	return plain, nil
}

// dropNulls stops at lists: what is in them is not ours to judge.
func dropNulls(object map[string]any) {
	for key, value := range object {
		switch value := value.(type) {
		case nil:
			delete(object, key)
		case map[string]any:
			dropNulls(value)
		}
	}
}

// path is a place in a document, key by key. Keys may contain dots.
type path []string

// at writes a path as it is shown to users. No key of ours has a dot in it;
// others are added with [path.child].
func at(dotted string) path { return strings.Split(dotted, ".") }

func (p path) child(key string) path { return append(slices.Clone(p), key) }

func (p path) parent() path { return p[:len(p)-1] }

func (p path) last() string { return p[len(p)-1] }

// String is the path as it is shown; an empty key is shown as "".
func (p path) String() string {
	shown := slices.Clone(p)
	for i, key := range shown {
		if key == "" {
			shown[i] = `""`
		}
	}
	return strings.Join(shown, ".")
}

// lookup is the value at a path, and whether there is one.
func lookup(document map[string]any, place path) (any, bool) {
	var value any = document
	for _, key := range place {
		object, isObject := value.(map[string]any)
		if !isObject {
			return nil, false
		}
		value = object[key]
	}
	return value, value != nil
}

// lookupAs is the value at a path if it has the wanted type, else that type's
// zero value.
func lookupAs[T any](document map[string]any, place path) T {
	value, _ := lookup(document, place)
	typed, _ := value.(T)
	return typed
}

// put sets the value at a path and makes the objects on the way to it.
func put(document map[string]any, place path, value any) {
	object := document
	for _, key := range place.parent() {
		next, isObject := object[key].(map[string]any)
		if !isObject {
			next = map[string]any{}
			object[key] = next
		}
		object = next
	}
	object[place.last()] = value
}

// drop removes the value at a path, and the objects above it that are empty
// then.
func drop(document map[string]any, place path) {
	if len(place) == 0 {
		return
	}
	object := lookupAs[map[string]any](document, place.parent())
	delete(object, place.last())
	if len(object) == 0 {
		drop(document, place.parent())
	}
}
