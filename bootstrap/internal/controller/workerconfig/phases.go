// SPDX-License-Identifier: Apache-2.0

package workerconfig

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/k0smotron/k0smotron/bootstrap/internal/bootstrapdata"
	"github.com/k0smotron/k0smotron/bootstrap/internal/controller/machineconfig"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/jointoken"
	"github.com/k0smotron/k0smotron/shared/phase"
)

// notJoined ends the pass for a machine that has a Node: it needs neither token nor bootstrap data any more.
func (r *Reconciler) notJoined(ctx context.Context, s *scope) (phase.Outcome, error) {
	if !s.Machine.Status.NodeRef.IsDefined() {
		return phase.Continue(), nil
	}
	s.Joined = true
	return phase.Done(), r.RevokeToken(ctx, &s.Scope)
}

func (r *Reconciler) joinInfoKnown(ctx context.Context, s *scope) (phase.Outcome, error) {
	join, err := contract.GetJoinInfo(ctx, r.Client, s.Cluster)
	if err != nil {
		return phase.Continue(), err
	}
	s.join = join
	return phase.Continue(), phase.Failure(contract.InvalidJoinInfo, checkCA(join.CA))
}

// checkCA spares a machine that could never join. The text that a control plane published is not repeated.
func checkCA(bundle []byte) error {
	block, _ := pem.Decode(bytes.TrimSpace(bundle))
	if block == nil {
		return errors.New("the CA of the control plane is no PEM certificate")
	}
	if _, err := x509.ParseCertificate(block.Bytes); err != nil {
		return fmt.Errorf("the CA of the control plane cannot be read: %w", err)
	}
	return nil
}

// filesResolved also finds out before there is a token whether bootstrap data can be made at all.
func (r *Reconciler) filesResolved(ctx context.Context, s *scope) (phase.Outcome, error) {
	if s.DataSecret != nil {
		return phase.Continue(), nil
	}
	if err := r.ResolveFiles(ctx, &s.Scope); err != nil {
		return phase.Continue(), err
	}
	_, err := buildUserData(s, strings.Repeat("x", machineconfig.LongestToken))
	return phase.Continue(), err
}

func (r *Reconciler) dataSecretExists(ctx context.Context, s *scope) (phase.Outcome, error) {
	return r.DataSecretExists(ctx, &s.Scope, func() ([]byte, error) {
		joinToken, err := jointoken.Join{
			Role: jointoken.Worker, URL: s.join.WorkerURL, CA: s.join.CA, Token: s.Token.Token,
		}.Encode()
		if err != nil {
			return nil, fmt.Errorf("encoding join token: %w", err)
		}
		return buildUserData(s, joinToken)
	})
}

// buildUserData renders the bootstrap data of the machine.
func buildUserData(s *scope, joinToken string) ([]byte, error) {
	return machineconfig.UserData(bootstrapdata.BuildWorker(bootstrapdata.Worker{
		MachineName: s.Machine.Name,
		Version:     s.Version,
		Spec:        s.config.Spec,
		Files:       s.Files,
		Join:        s.join,
		JoinToken:   joinToken,
	}))
}
