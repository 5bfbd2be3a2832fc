// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

func TestContains(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason     string
		live, want string
		equal      bool
	}{
		"Subset":              {"defaults of the server are no drift", "{a: 1, b: 2}", "{a: 1}", true},
		"MissingField":        {"what we want must be there", "{b: 2}", "{a: 1}", false},
		"OtherType":           {"types count", "{a: '1'}", "{a: 1}", false},
		"Bool":                {"scalars are compared", "{a: true}", "{a: false}", false},
		"IntegerAndFloat":     {"decoders differ", "{a: 1}", "{a: 1.0}", true},
		"EmptyWantedObject":   {"an empty object is as good as none", "{}", "{a: {}}", true},
		"EmptyWantedList":     {"an empty list is as good as none", "{}", "{a: []}", true},
		"ObjectInsteadOfText": {"types count", "{a: text}", "{a: {b: 1}}", false},
		"ListInsteadOfText":   {"types count", "{a: text}", "{a: [1]}", false},
		"TextInsteadOfList":   {"types count", "{a: [1]}", "{a: text}", false},

		"ScalarsInOrder":   {"args", "{a: [x, y]}", "{a: [x, y]}", true},
		"ScalarsReordered": {"order of args matters", "{a: [y, x]}", "{a: [x, y]}", false},
		"ScalarAdded":      {"args are written as a whole", "{a: [x, y]}", "{a: [x]}", false},
		"ScalarRemoved":    {"args are written as a whole", "{a: [x]}", "{a: [x, y]}", false},
		"FinalizerAdded":   {"finalizers are a set", "{finalizers: [y, x]}", "{finalizers: [x]}", true},
		"FinalizerMissing": {"finalizers are a set", "{finalizers: [y, z]}", "{finalizers: [x]}", false},

		"ElementAdded":         {"others may add", "{e: [{name: b}, {name: a, v: 1}]}", "{e: [{name: a}]}", true},
		"ElementChanged":       {"by identity", "{e: [{name: b}, {name: a, v: 1}]}", "{e: [{name: a, v: 2}]}", false},
		"ElementRemoved":       {"all must be there", "{e: [{name: a}]}", "{e: [{name: a}, {name: b}]}", false},
		"ElementReplaced":      {"same length, another one", "{e: [{name: b}]}", "{e: [{name: a}]}", false},
		"OwnerAdded":           {"owners have a uid", "{o: [{uid: '1'}, {uid: '2'}]}", "{o: [{uid: '2'}]}", true},
		"AnonymousAdded":       {"no identity, no merging", "{e: [{k: 1}, {k: 2}]}", "{e: [{k: 1}]}", false},
		"AnonymousDefaulted":   {"defaults within elements", "{e: [{k: 1, d: 2}]}", "{e: [{k: 1}]}", true},
		"ScalarAmongObjects":   {"mixed lists are not merged", "{e: [1, {name: a}]}", "{e: [{name: a}]}", true},
		"QuantityInRequests":   {"the server normalises", "{requests: {cpu: '1'}}", "{requests: {cpu: 1000m}}", true},
		"QuantityDiffers":      {"but not the value", "{limits: {cpu: '2'}}", "{limits: {cpu: 1000m}}", false},
		"QuantityNotElsewhere": {"an env value is text", "{value: '1'}", "{value: 1000m}", false},
		"NoQuantity":           {"text that only looks alike", "{requests: {cpu: x}}", "{requests: {cpu: 'y'}}", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var live, want any
			require.NoError(t, yaml.Unmarshal([]byte(tc.live), &live))
			require.NoError(t, yaml.Unmarshal([]byte(tc.want), &want))
			assert.Equal(t, tc.equal, contains(live, want, ""), tc.reason)
		})
	}
}

func TestNumberKnowsWhatDecodersMake(t *testing.T) {
	t.Parallel()
	for _, value := range []any{int64(7), int32(7), 7, 7.0} {
		got, ok := number(value)
		assert.True(t, ok)
		assert.InDelta(t, 7.0, got, 0)
	}
	_, ok := number("7")
	assert.False(t, ok)
}

func TestDropEmptyKeepsWhatMeansSomething(t *testing.T) {
	t.Parallel()
	var got, want any
	require.NoError(t, yaml.Unmarshal([]byte(
		"{a: null, status: {}, strategy: {}, volumes: [{name: v, emptyDir: {}, x: null}], podSelector: {}}"), &got))
	require.NoError(t, yaml.Unmarshal([]byte("{volumes: [{name: v, emptyDir: {}}], podSelector: {}}"), &want))
	dropEmpty(got)
	assert.Equal(t, want, got)
}
