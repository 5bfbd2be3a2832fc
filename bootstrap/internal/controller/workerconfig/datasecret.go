// SPDX-License-Identifier: Apache-2.0

package workerconfig

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/apply"
	"github.com/k0smotron/k0smotron/shared/jointoken"
	"github.com/k0smotron/k0smotron/shared/phase"
)

func (r *Reconciler) dataSecretLookedUp(ctx context.Context, s *scope) (phase.Outcome, error) {
	return phase.Continue(), r.lookUpDataSecret(ctx, r.Client, s)
}

// dataSecretOwned takes a Secret of the config's name for its bootstrap data if the Machine does: both are restored from
// a backup, and the Secret still names the config of then. Without that the Secret is somebody else's, or that of a
// config of the same name that was deleted a moment ago.
func (r *Reconciler) dataSecretOwned(ctx context.Context, s *scope) (phase.Outcome, error) {
	if s.strangeSecret == nil {
		return phase.Continue(), nil
	}
	taken := phase.Wait(bootstrapv1.SecretNameTakenReason, fmt.Sprintf(
		"Secret %s exists, but does not belong to this config: delete it or give the Machine another name",
		s.strangeSecret.Name), 0)
	if used := s.machine.Spec.Bootstrap.DataSecretName; used == nil || *used != s.strangeSecret.Name {
		return taken, nil
	}
	err := r.Applier.Adopt(ctx, s.config, s.strangeSecret)
	if _, owned := errors.AsType[*controllerutil.AlreadyOwnedError](err); owned {
		return taken, nil
	}
	if err == nil {
		s.dataSecret, s.dataSecretKnown = s.strangeSecret, true
	}
	return phase.Continue(), err
}

// dataSecretExists makes the bootstrap data, once. What exists is used as it is: a machine may have booted with it.
func (r *Reconciler) dataSecretExists(ctx context.Context, s *scope) (phase.Outcome, error) {
	if s.dataSecret != nil {
		return phase.Continue(), nil
	}
	secret, err := renderDataSecret(s)
	if err != nil {
		return phase.Continue(), err
	}
	err = r.Applier.Create(ctx, s.config, secret)
	if errors.Is(err, apply.ErrExists) {
		if err := r.lookUpDataSecret(ctx, r.Live, s); err != nil {
			return phase.Continue(), err
		}
		return r.dataSecretOwned(ctx, s)
	}
	if err == nil {
		s.dataSecret = secret
	}
	return phase.Continue(), err
}

func renderDataSecret(s *scope) (*corev1.Secret, error) {
	joinToken, err := jointoken.Join{
		Role: jointoken.Worker, URL: s.join.WorkerURL, CA: s.join.CA, Token: s.token.Token,
	}.Encode()
	if err != nil {
		return nil, fmt.Errorf("encoding join token: %w", err)
	}
	userData, err := buildUserData(s, joinToken)
	if err != nil {
		return nil, err
	}
	return buildSecret(s.config, s.cluster.Name, userData), nil
}

func (*Reconciler) lookUpDataSecret(ctx context.Context, from client.Reader, s *scope) error {
	secret := &corev1.Secret{}
	err := from.Get(ctx, client.ObjectKeyFromObject(s.config), secret)
	if apierrors.IsNotFound(err) {
		s.dataSecretKnown = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("getting Secret %s: %w", s.config.Name, err)
	}
	if !metav1.IsControlledBy(secret, s.config) {
		s.strangeSecret = secret
		return nil
	}
	s.dataSecret, s.dataSecretKnown = secret, true
	return nil
}
