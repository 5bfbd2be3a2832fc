// SPDX-License-Identifier: Apache-2.0

package machineconfig

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
	"github.com/k0smotron/k0smotron/shared/phase"
)

// DataSecretLookedUp finds out whether there is bootstrap data.
func (r *Steps) DataSecretLookedUp(ctx context.Context, s *Scope) (phase.Outcome, error) {
	return phase.Continue(), lookUpDataSecret(ctx, r.Client, s)
}

// DataSecretOwned takes a Secret of the config's name for its bootstrap data if the Machine does: both are restored from
// a backup, and the Secret still names the config of then. Without that the Secret is somebody else's, or that of a
// config of the same name that was deleted a moment ago. The reference to the config follows the version of its API.
func (r *Steps) DataSecretOwned(ctx context.Context, s *Scope) (phase.Outcome, error) {
	if s.DataSecret != nil {
		return phase.Continue(), r.Applier.Adopt(ctx, s.Config, s.DataSecret)
	}
	if s.strangeSecret == nil {
		return phase.Continue(), nil
	}
	taken := phase.Wait(bootstrapv1.SecretNameTakenReason, fmt.Sprintf(
		"Secret %s exists, but does not belong to this config: delete it or give the Machine another name",
		s.strangeSecret.Name), 0)
	if used := s.Machine.Spec.Bootstrap.DataSecretName; used == nil || *used != s.strangeSecret.Name {
		return taken, nil
	}
	err := r.Applier.Adopt(ctx, s.Config, s.strangeSecret)
	if _, owned := errors.AsType[*controllerutil.AlreadyOwnedError](err); owned {
		return taken, nil
	}
	if err == nil {
		s.DataSecret, s.dataSecretKnown = s.strangeSecret, true
	}
	return phase.Continue(), err
}

// DataSecretExists keeps the user data that render makes, once. What exists is used as it is: a machine may have booted
// with it.
func (r *Steps) DataSecretExists(
	ctx context.Context, s *Scope, render func() ([]byte, error),
) (phase.Outcome, error) {
	if s.DataSecret != nil {
		return phase.Continue(), nil
	}
	userData, err := render()
	if err != nil {
		return phase.Continue(), err
	}
	secret := buildSecret(s, userData)
	err = r.Applier.Create(ctx, s.Config, secret)
	if errors.Is(err, apply.ErrExists) {
		if err := lookUpDataSecret(ctx, r.Live, s); err != nil {
			return phase.Continue(), err
		}
		return r.DataSecretOwned(ctx, s)
	}
	if err == nil {
		s.DataSecret = secret
	}
	return phase.Continue(), err
}

func lookUpDataSecret(ctx context.Context, from client.Reader, s *Scope) error {
	secret := &corev1.Secret{}
	err := from.Get(ctx, client.ObjectKeyFromObject(s.Config), secret)
	if apierrors.IsNotFound(err) {
		s.dataSecretKnown = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("getting Secret %s: %w", s.Config.GetName(), err)
	}
	if !metav1.IsControlledBy(secret, s.Config) {
		s.strangeSecret = secret
		return nil
	}
	s.DataSecret, s.dataSecretKnown = secret, true
	return nil
}
