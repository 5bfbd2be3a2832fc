// SPDX-License-Identifier: Apache-2.0

package machineconfig

import (
	"context"
	"errors"
	"fmt"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/jointoken"
	"github.com/k0smotron/k0smotron/shared/phase"
)

// LongestToken is more than any encoded join token has. Bootstrap data is tried with it before there is a token.
const LongestToken = 4096

// TokenRecorded finds the one token of the config, or makes it and ends the pass: the record wakes the config, and only
// then is the token used.
func (r *Steps) TokenRecorded(ctx context.Context, s *Scope) (phase.Outcome, error) {
	record, found, err := r.Tokens.Find(ctx, s.Config)
	if err != nil || found {
		s.Token = record
		return phase.Continue(), err
	}
	if s.DataSecret != nil {
		// The machine boots with the token of its bootstrap data; another one is of no use to it.
		return phase.Wait(bootstrapv1.TokenLostReason, fmt.Sprintf(
			"the join token in the bootstrap data cannot be kept valid, because Secret %s is gone: "+
				"if the machine does not join, delete the Machine",
			jointoken.RecordName(s.Config.GetName())), 0), nil
	}
	_, err = r.Tokens.Record(ctx, s.Config, s.Cluster.Name, s.TokenRole)
	return phase.Done(), err
}

// TokenValid makes the workload cluster accept the token, for a while longer when its time is running out.
func (r *Steps) TokenValid(ctx context.Context, s *Scope) (phase.Outcome, error) {
	connected, err := r.Workload.Client(ctx, s.ClusterKey())
	if err != nil {
		return phase.Continue(), err
	}
	record, err := r.Tokens.Extend(ctx, s.Config, s.Cluster.Name, s.Token)
	if err != nil {
		return phase.Continue(), err
	}
	s.Token = record
	return phase.Continue(), r.Tokens.Ensure(ctx, connected, record)
}

// TokenKeptValid has the config looked at again before the token expires.
func (r *Steps) TokenKeptValid(_ context.Context, s *Scope) (phase.Outcome, error) {
	return phase.Wait("", "", r.Tokens.ExtendAfter(s.Token)), nil
}

// RevokeToken makes the token worthless and forgets it. A workload cluster that cannot be reached is tried again until
// the token has expired by itself.
func (r *Steps) RevokeToken(ctx context.Context, s *Scope) error {
	record, found, err := r.Tokens.Find(ctx, s.Config)
	if err != nil || !found {
		return err
	}
	connected, err := r.Workload.Client(ctx, s.ClusterKey())
	var wait *phase.WaitError
	if errors.As(err, &wait) && !r.Clock.Now().Before(record.Expires) {
		return nil
	}
	if err != nil {
		return err
	}
	return r.Tokens.Revoke(ctx, connected, s.Config, record)
}
