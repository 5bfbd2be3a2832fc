// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const ours = "system:serviceaccount:ours:manager"

func line(second int, stage, user, verb, resource string) string {
	return fmt.Sprintf(
		`{"stage":%q,"verb":%q,"user":{"username":%q},"objectRef":{"resource":%q,"namespace":"n","name":"o"},`+
			`"responseStatus":{"code":200},"requestReceivedTimestamp":"2026-01-01T00:00:%02d.5Z"}`+"\n",
		stage,
		verb,
		user,
		resource,
		second,
	)
}

func TestRead(t *testing.T) {
	t.Parallel()
	log := line(1, "ResponseComplete", ours, "create", "secrets") +
		line(2, "ResponseComplete", ours, "patch", "services") +
		line(2, "ResponseComplete", "system:serviceaccount:oursnot:manager", "patch", "services") +
		line(3, "ResponseStarted", ours, "watch", "pods") +
		line(4, "ResponseComplete", ours, "watch", "pods") +
		line(5, "ResponseComplete", ours, "get", "secrets") +
		line(6, "ResponseComplete", ours, "update", "leases") +
		line(6, "ResponseComplete", ours, "create", "tokenreviews") +
		line(59, "ResponseComplete", ours, "delete", "secrets") +
		`{"stage":"Resp`
	requests, err := Read(strings.NewReader(log), Window{
		From: time.Date(2026, 1, 1, 0, 0, 2, 0, time.UTC), To: time.Date(2026, 1, 1, 0, 0, 30, 0, time.UTC),
	})
	require.NoError(t, err)
	requests = Of("ours", requests)

	assert.Equal(t, []string{
		"patch services n/o 200", "watch pods n/o 200", "get secrets n/o 200", "update leases n/o 200",
		"create tokenreviews n/o 200",
	}, texts(requests))
	assert.Equal(t, []string{"patch services n/o 200"}, texts(Writes(requests)))
	assert.Equal(t, []string{"get secrets n/o 200"}, texts(Reads(requests)))
	assert.Equal(t, []string{"patch services n/o 200", "get secrets n/o 200"}, texts(Unexpected(requests)))
}

func TestUnexpected(t *testing.T) {
	t.Parallel()
	idle := []Request{
		{Verb: "watch", Resource: "secrets"},
		{Verb: "update", Resource: "leases"},
		{Verb: "create", Resource: "tokenreviews"},
		{Verb: "create", Resource: "subjectaccessreviews"},
	}
	assert.Empty(t, Unexpected(idle))
	busy := []Request{
		{Verb: "get", Resource: "leases"},
		{Verb: "watch", Resource: "leases"},
		{Verb: "create", Resource: "leases"},
		{Verb: "list", Resource: "secrets"},
		{Verb: "patch", Resource: "secrets/status"},
		{Verb: "get", Path: "/api"},
	}
	assert.Equal(t, busy, Unexpected(append(idle, busy...)))
	assert.Equal(t, map[string]int{"watch secrets": 1, "update leases": 2}, Count(append(idle[:2:2], idle[1])))
	assert.Equal(t, "get /api 0", busy[5].String())
}

func TestAbout(t *testing.T) {
	t.Parallel()
	all := []Request{{Name: "a"}, {Name: "a-ca"}, {Name: "ab-ca"}, {Name: "b"}, {Verb: "list"}}
	assert.Equal(t, []Request{{Name: "a"}, {Name: "a-ca"}, {Verb: "list"}}, About("a", all))
}

func TestReadRefusesAnotherFormat(t *testing.T) {
	t.Parallel()
	_, err := Read(strings.NewReader("not json\n"), Window{})
	require.ErrorContains(t, err, "reading audit log")
}

func texts(requests []Request) []string {
	list := make([]string, 0, len(requests))
	for _, r := range requests {
		list = append(list, r.String())
	}
	return list
}
