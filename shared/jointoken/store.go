// SPDX-License-Identifier: Apache-2.0

package jointoken

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/shared/apply"
	"github.com/k0smotron/k0smotron/shared/contract"
)

// DefaultTTL is how long a token is valid unless it is extended. It bounds how long a token outlives a config whose
// workload cluster could not be reached for revoking it.
const DefaultTTL = 15 * time.Minute

// Keys of the Secret <config>-token.
const (
	keyID         = "token-id"
	keySecret     = "token-secret"
	keyRole       = "role"
	keyExpiration = "expiration"
)

// Record is the one token of a config, as the management cluster remembers it.
type Record struct {
	// Token is what the machine gets.
	Token Token
	// Role is what the machine joins as.
	Role Role
	// Expires is how long the token is to be valid in the workload cluster.
	Expires time.Time
}

// Store keeps the tokens of bootstrap configs. A token is recorded in the management cluster, in the Secret
// <config>-token, before the workload cluster learns of it: whatever happens in between, the next pass finds the record and
// goes on with the same token, and no second one is ever made.
type Store struct {
	// Reader reads the management cluster from the cache.
	Reader client.Reader
	// Live reads the management cluster itself; it is asked only when the cache turns out to be behind.
	Live client.Reader
	// Management writes to the management cluster.
	Management *apply.Applier
	// FieldOwner is under which name tokens are written to workload clusters.
	FieldOwner string
	// Clock says when a token expires.
	Clock clock.PassiveClock
	// Random is the source of tokens: crypto/rand.Reader.
	Random io.Reader
	// TTL is how long a token is valid; 0 means DefaultTTL.
	TTL time.Duration
}

// RecordName is the name of the Secret in which a config's token is recorded.
func RecordName(config string) string { return config + "-token" }

// Find returns the recorded token of a config, or false when it has none: not yet, or no longer after Revoke.
func (s Store) Find(ctx context.Context, config client.Object) (Record, bool, error) {
	return find(ctx, s.Reader, config)
}

// Record returns the recorded token of a config and makes one when there is none. The record belongs to config and
// goes with it. It is labelled with the name of config's Cluster.
func (s Store) Record(ctx context.Context, config client.Object, cluster string, role Role) (Record, error) {
	record, found, err := find(ctx, s.Reader, config)
	if err != nil || found {
		return record, err
	}
	token, err := New(s.Random)
	if err != nil {
		return Record{}, err
	}
	record = Record{Token: token, Role: role, Expires: s.expiry()}
	err = s.Management.Create(ctx, config, s.secret(config, cluster, record))
	if !errors.Is(err, apply.ErrExists) {
		return record, err
	}
	record, found, err = find(ctx, s.Live, config)
	if err == nil && !found {
		err = fmt.Errorf("recording the join token: secret %s appears and disappears", RecordName(config.GetName()))
	}
	return record, err
}

// Ensure makes the workload cluster accept the token as recorded; call it with what Extend returned. It costs one read,
// and a write only when something is missing there.
func (s Store) Ensure(ctx context.Context, workload client.Client, record Record) error {
	secret := BootstrapSecret(record.Token, record.Role, record.Expires)
	if err := apply.New(workload, s.FieldOwner).Apply(ctx, nil, secret); err != nil {
		return fmt.Errorf("making join token %s valid: %w", record.Token.ID, err)
	}
	return nil
}

// Extend keeps the token of a config that has not joined yet valid: when less than half of its time is left, a later
// expiry is recorded. It returns the record that holds now; Ensure tells the workload cluster.
func (s Store) Extend(
	ctx context.Context, config client.Object, cluster string, record Record,
) (Record, error) {
	if s.ExtendAfter(record) > 0 {
		return record, nil
	}
	record.Expires = s.expiry()
	if err := s.Management.Apply(ctx, config, s.secret(config, cluster, record)); err != nil {
		return Record{}, fmt.Errorf("extending join token %s: %w", record.Token.ID, err)
	}
	return record, nil
}

// ExtendAfter is how long the token needs no extension; never negative.
func (s Store) ExtendAfter(record Record) time.Duration {
	return max(0, record.Expires.Sub(s.Clock.Now())-s.ttl()/2)
}

// Revoke makes the workload cluster forget the token, and then the record. Afterwards Find says false. When the workload
// cluster cannot be reached, the caller may give up: the token expires by itself.
func (s Store) Revoke(
	ctx context.Context, workload client.Client, config client.Object, record Record,
) error {
	if err := s.Invalidate(ctx, workload, record); err != nil {
		return err
	}
	return s.Management.Delete(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: config.GetNamespace(), Name: RecordName(config.GetName()),
	}})
}

// Invalidate makes the workload cluster forget the token and keeps the record, for whoever is not the config's own
// controller: that one goes on finding what it has to revoke.
func (s Store) Invalidate(ctx context.Context, workload client.Client, record Record) error {
	if err := apply.New(workload, s.FieldOwner).Delete(ctx, tokenSecret(record)); err != nil {
		return fmt.Errorf("revoking join token %s: %w", record.Token.ID, err)
	}
	return nil
}

// IsValid asks the workload cluster whether it knows the token.
func (Store) IsValid(ctx context.Context, workload client.Reader, record Record) (bool, error) {
	secret := tokenSecret(record)
	err := workload.Get(ctx, client.ObjectKeyFromObject(secret), secret)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking up join token %s: %w", record.Token.ID, err)
	}
	return true, nil
}

func tokenSecret(record Record) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: record.Token.SecretName()}}
}

func (s Store) ttl() time.Duration {
	if s.TTL == 0 {
		return DefaultTTL
	}
	return s.TTL
}

// expiry is cut to seconds, as it is written.
func (s Store) expiry() time.Time { return s.Clock.Now().Add(s.ttl()).UTC().Truncate(time.Second) }

func (Store) secret(config client.Object, cluster string, record Record) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: config.GetNamespace(), Name: RecordName(config.GetName()), Labels: contract.ClusterLabels(cluster),
		},
		Type: clusterv1.ClusterSecretType,
		Data: map[string][]byte{
			keyID:         []byte(record.Token.ID),
			keySecret:     []byte(record.Token.Secret),
			keyRole:       []byte(record.Role),
			keyExpiration: []byte(record.Expires.UTC().Format(time.RFC3339)),
		},
	}
}

func find(ctx context.Context, reader client.Reader, config client.Object) (Record, bool, error) {
	secret := &corev1.Secret{}
	key := client.ObjectKey{Namespace: config.GetNamespace(), Name: RecordName(config.GetName())}
	err := reader.Get(ctx, key, secret)
	if apierrors.IsNotFound(err) {
		return Record{}, false, nil
	}
	if err != nil {
		return Record{}, false, fmt.Errorf("getting secret %s: %w", key.Name, err)
	}
	if !metav1.IsControlledBy(secret, config) {
		return Record{}, false, fmt.Errorf("secret %s is not this object's: delete it or rename one of the two", key.Name)
	}
	record, err := parseRecord(secret)
	return record, err == nil, err
}

func parseRecord(secret *corev1.Secret) (Record, error) {
	token, err := Parse(string(secret.Data[keyID]) + "." + string(secret.Data[keySecret]))
	if err != nil {
		return Record{}, fmt.Errorf("reading secret %s: %w", secret.Name, err)
	}
	expires, err := time.Parse(time.RFC3339, string(secret.Data[keyExpiration]))
	if err != nil {
		return Record{}, fmt.Errorf("reading secret %s: key %s is not a time", secret.Name, keyExpiration)
	}
	role := Role(secret.Data[keyRole])
	if role != Worker && role != Controller {
		return Record{}, fmt.Errorf(
			"reading secret %s: key %s is neither %s nor %s",
			secret.Name,
			keyRole,
			Worker,
			Controller,
		)
	}
	return Record{Token: token, Role: role, Expires: expires}, nil
}
