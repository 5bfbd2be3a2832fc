// SPDX-License-Identifier: Apache-2.0

package workerconfig

import (
	"context"
	"errors"
	"fmt"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/jointoken"
	"github.com/k0smotron/k0smotron/shared/phase"
)

// tokenRecorded finds the one token of the config, or makes it and ends the pass: the record wakes the config, and only
// then is the token used.
func (r *Reconciler) tokenRecorded(ctx context.Context, s *scope) (phase.Outcome, error) {
	record, found, err := r.Tokens.Find(ctx, s.config)
	if err != nil || found {
		s.token = record
		return phase.Continue(), err
	}
	if s.dataSecret != nil {
		// The machine boots with the token of its bootstrap data; another one is of no use to it.
		return phase.Wait(bootstrapv1.TokenLostReason, fmt.Sprintf(
			"the join token in the bootstrap data cannot be kept valid, because Secret %s is gone: "+
				"if the machine does not join, delete the Machine",
			jointoken.RecordName(s.config.Name)), 0), nil
	}
	_, err = r.Tokens.Record(ctx, s.config, s.cluster.Name, jointoken.Worker)
	return phase.Done(), err
}

// tokenValid makes the workload cluster accept the token, for a while longer when its time is running out.
func (r *Reconciler) tokenValid(ctx context.Context, s *scope) (phase.Outcome, error) {
	connected, err := r.Workload.Client(ctx, s.clusterKey())
	if err != nil {
		return phase.Continue(), err
	}
	record, err := r.Tokens.Extend(ctx, s.config, s.cluster.Name, s.token)
	if err != nil {
		return phase.Continue(), err
	}
	s.token = record
	return phase.Continue(), r.Tokens.Ensure(ctx, connected, record)
}

// tokenKeptValid has the config looked at again before the token expires.
func (r *Reconciler) tokenKeptValid(_ context.Context, s *scope) (phase.Outcome, error) {
	return phase.Wait("", "", r.Tokens.ExtendAfter(s.token)), nil
}

// revokeToken makes the token worthless and forgets it. A workload cluster that cannot be reached is tried again until
// the token has expired by itself.
func (r *Reconciler) revokeToken(ctx context.Context, s *scope) error {
	record, found, err := r.Tokens.Find(ctx, s.config)
	if err != nil || !found {
		return err
	}
	connected, err := r.Workload.Client(ctx, s.clusterKey())
	var wait *phase.WaitError
	if errors.As(err, &wait) && !r.Clock.Now().Before(record.Expires) {
		return nil
	}
	if err != nil {
		return err
	}
	return r.Tokens.Revoke(ctx, connected, s.config, record)
}
