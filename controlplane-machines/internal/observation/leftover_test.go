// SPDX-License-Identifier: Apache-2.0

package observation_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/observation"
	"github.com/k0smotron/k0smotron/shared/contract"
)

func TestParseLeftOver(t *testing.T) {
	one := controlplane.LeftOver{Machine: "a", Address: "10.0.0.1"}
	t.Parallel()
	cases := map[string]struct {
		text string
		want []controlplane.LeftOver
		err  string
	}{
		"Empty":     {},
		"One":       {text: "a=10.0.0.1", want: []controlplane.LeftOver{one}},
		"Two":       {text: "a=10.0.0.1,b=fd00::1", want: []controlplane.LeftOver{one, {Machine: "b", Address: "fd00::1"}}},
		"NoAddress": {text: "a=", want: []controlplane.LeftOver{{Machine: "a"}}},
		"ByHand":    {text: " a = 10.0.0.1 ,, b=\n", want: []controlplane.LeftOver{one, {Machine: "b"}}},
		"NoEquals": {
			text: "a=10.0.0.1,b",
			err:  `annotation k0smotron.io/left-over-members: "b" is not of the form name=address`,
		},
		"NoName": {text: "=10.0.0.1", err: "is not of the form name=address"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := observation.ParseLeftOver(tc.text)
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				assert.Empty(t, got)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tc.want, got)
		})
	}
}

// FuzzParseLeftOver: people write it, so it may hold anything. What can be read is the same after it was written again.
func FuzzParseLeftOver(f *testing.F) {
	for _, text := range []string{"", "a=10.0.0.1,b=", "a", "=", ",,=,", "a=b=c"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := observation.ParseLeftOver(text)
		if err != nil {
			return
		}
		again, err := observation.ParseLeftOver(observation.FormatLeftOver(list))
		require.NoError(t, err)
		assert.Equal(t, list, again)
	})
}

// TestLeftOver: an entry goes when etcd shows a member in its place.
func TestLeftOver(t *testing.T) {
	t.Parallel()
	recorded := []controlplane.LeftOver{{Machine: "gone", Address: "10.0.0.9"}, {Machine: "lost"}}
	member := func(member k0snode.EtcdMember) change {
		return func(_ *testing.T, o *observation.Objects) { o.Workload.Members = append(o.Workload.Members, member) }
	}
	cases := map[string]struct {
		reason string
		change change
		want   []controlplane.LeftOver
	}{
		"Kept": {reason: "nothing is seen", change: func(*testing.T, *observation.Objects) {}, want: recorded},
		"SameAddress": {
			reason: "etcd has one member at an address",
			change: member(k0snode.EtcdMember{Name: "m9", Joined: k0snode.JoinedTrue, PeerAddress: "10.0.0.9"}),
			want:   recorded[1:],
		},
		"SameName": {
			reason: "it has joined after all, and is seen from now on",
			change: member(k0snode.EtcdMember{Name: "lost", Joined: k0snode.JoinedTrue}), want: recorded[:1],
		},
		"NoAddress": {
			reason: "it is no member's at no address",
			change: member(k0snode.EtcdMember{Name: "m9", Joined: k0snode.JoinedTrue}), want: recorded,
		},
		"HasLeft": {
			reason: "it proves nothing about the address now",
			change: member(k0snode.EtcdMember{Name: "m9", Joined: k0snode.JoinedFalse, PeerAddress: "10.0.0.9"}), want: recorded,
		},
		"Silent": {reason: "nothing is seen", change: silent, want: recorded},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := observation.LeftOver(atRest(t, 3, leftOver("gone=10.0.0.9,lost="), tc.change))
			require.NoError(t, err)
			assert.Equal(t, tc.want, got, tc.reason)
		})
	}
}

func TestLeftOverUnreadable(t *testing.T) {
	t.Parallel()
	o := atRest(t, 3, leftOver("gone"))
	_, err := observation.LeftOver(o)
	require.Error(t, err)
	_, err = observation.LeftOverWith(o, last(&o))
	require.Error(t, err, "what people have written is not thrown away")
}

// TestLeftOverWith: one entry for a machine and for an address, and not too many of all.
func TestLeftOverWith(t *testing.T) {
	t.Parallel()
	o := atRest(t, 3, joining)
	with := func() string {
		list, err := observation.LeftOverWith(o, last(&o))
		require.NoError(t, err)
		return observation.FormatLeftOver(list)
	}
	assert.Equal(t, "m3=10.0.0.3", with())
	for before, want := range map[string]string{
		"gone=10.0.0.9":               "gone=10.0.0.9,m3=10.0.0.3",
		"gone=10.0.0.3":               "m3=10.0.0.3",
		"m3=10.0.0.3":                 "m3=10.0.0.3",
		"m3=10.0.0.4,gone=10.0.0.9":   "gone=10.0.0.9,m3=10.0.0.3",
		"gone=10.0.0.9,here=10.0.0.1": "gone=10.0.0.9,m3=10.0.0.3",
	} {
		o.ControlPlane.Annotations[contract.LeftOverMembersAnnotation] = before
		assert.Equal(t, want, with(), before)
	}

	var many []controlplane.LeftOver
	for i := range 40 {
		many = append(many, controlplane.LeftOver{Machine: "old" + strconv.Itoa(i)})
	}
	o.ControlPlane.Annotations[contract.LeftOverMembersAnnotation] = observation.FormatLeftOver(many)
	list, err := observation.LeftOverWith(o, last(&o))
	require.NoError(t, err)
	assert.Len(t, list, 32)
	assert.Equal(t, controlplane.LeftOver{Machine: "m3", Address: "10.0.0.3"}, list[31])
	last(&o).Status.Addresses = nil
	list, err = observation.LeftOverWith(o, last(&o))
	require.NoError(t, err)
	assert.Equal(t, controlplane.LeftOver{Machine: "m3"}, list[31])
}
