// SPDX-License-Identifier: Apache-2.0

package phase_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/shared/phase"
)

func TestStableMessage(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason string
		first  string
		second string
		want   string
	}{
		"LocalPort": {
			reason: "every connection has another local port",
			first:  `Get "https://10.0.0.1:6443": read tcp 10.1.1.1:40001->10.0.0.1:6443: connection reset by peer`,
			second: `Get "https://10.0.0.1:6443": read tcp 10.1.1.1:51234->10.0.0.1:6443: connection reset by peer`,
			want:   `Get "https://10.0.0.1:6443": read tcp 10.0.0.1:6443: connection reset by peer`,
		},
		"ClockInCertificateErrors": {
			reason: "crypto/x509 prints the time of the check",
			first: "x509: certificate has expired or is not yet valid: " +
				"current time 2030-01-01T12:00:00Z is after 2029-01-01T00:00:00Z",
			second: "x509: certificate has expired or is not yet valid: " +
				"current time 2030-01-01T12:00:07Z is after 2029-01-01T00:00:00Z",
			want: "x509: certificate has expired or is not yet valid: current time is after the limit",
		},
		"Times": {
			reason: "any timestamp",
			first:  "retry at 2030-01-01 12:00:00.123 +0000 UTC please",
			second: "retry at 2030-01-01 12:00:01.9 +0000 UTC please",
			want:   "retry at <time> please",
		},
		"UID": {
			reason: "preconditions print UIDs",
			first:  "Precondition failed: UID in precondition: 0b5c1f3a-88b4-4b1a-9a3e-111111111111",
			second: "Precondition failed: UID in precondition: 0b5c1f3a-88b4-4b1a-9a3e-222222222222",
			want:   "Precondition failed: UID in precondition: <uid>",
		},
		"ResourceVersion": {
			reason: "watch errors print versions",
			first:  "too old resource version: 123 (resourceVersion: 124)",
			second: "too old resource version: 567 (resourceVersion: 890)",
			want:   "too old resourceVersion <n> (resourceVersion <n>)",
		},
		"Address": {
			reason: "printed pointers",
			first:  "unexpected 0xc000123456", second: "unexpected 0xc000987654",
			want: "unexpected <address>",
		},
		"PlainText": {
			reason: "what a user needs stays",
			first:  "spec.files[0]: key \"a\" is missing in Secret b, port 6443",
			second: "spec.files[0]: key \"a\" is missing in Secret b, port 6443",
			want:   "spec.files[0]: key \"a\" is missing in Secret b, port 6443",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.want, phase.StableMessage(errors.New(tc.first)), tc.reason)
			assert.Equal(t, tc.want, phase.StableMessage(errors.New(tc.second)), tc.reason)
		})
	}
}

func TestFailure(t *testing.T) {
	t.Parallel()
	require.NoError(t, phase.Failure("Why", nil))
	cause := errors.New("boom")
	err := phase.Failure("Why", cause)
	require.ErrorIs(t, err, cause)
	require.EqualError(t, err, "boom")
	var failure *phase.FailureError
	require.ErrorAs(t, err, &failure)
	assert.Equal(t, "Why", failure.Reason)
}

func TestWaiting(t *testing.T) {
	t.Parallel()
	assert.EqualError(t, phase.Waiting("Why", "waiting for the CA", 0), "waiting for the CA")
}
