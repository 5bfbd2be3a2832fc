// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/shared/phase"
)

// joinInfoVersion is the schema version of the join Secret. Keys are only ever added under the same version: a reader
// ignores keys it does not know and refuses a version it does not know.
const joinInfoVersion = "1"

// Keys of the join Secret.
const (
	keyVersion       = "version"
	keyWorkerURL     = "worker-url"
	keyControllerURL = "controller-url"
	keyCA            = "ca.crt"
	keyFiles         = "files"
	keyCommands      = "commands"
)

// InvalidJoinInfo is the reason when the join Secret cannot be used.
const InvalidJoinInfo = "InvalidJoinInfo"

// k0sAPIPort is the port of k0s's own join API on a controller, used where no join Secret says otherwise.
const k0sAPIPort = 9443

// JoinFile is a file that a joiner needs before k0s starts.
type JoinFile struct {
	// Path is absolute.
	Path string `json:"path"`
	// Content is written as it is.
	Content string `json:"content"`
	// Permissions is an octal file mode ("0600").
	Permissions string `json:"permissions,omitempty"`
}

// JoinInfo is what a joiner must know about a control plane. The control-plane provider publishes it before it reports
// the control plane initialized.
type JoinInfo struct {
	// WorkerURL is the API server as workers reach it, with scheme and port.
	WorkerURL string
	// ControllerURL is k0s's join API as controllers reach it; empty when no controller can join.
	ControllerURL string
	// CA is the PEM bundle that signs both URLs' certificates.
	CA []byte
	// Files are written before k0s starts.
	Files []JoinFile
	// Commands run before k0s starts, after the files are written, in order.
	Commands []string
}

// JoinInfoSecret builds the Secret <cluster>-k0s-join.
func JoinInfoSecret(cluster client.ObjectKey, info JoinInfo) (*corev1.Secret, error) {
	files, err := json.Marshal(info.Files)
	if err != nil {
		return nil, fmt.Errorf("encoding join files: %w", err)
	}
	commands, err := json.Marshal(info.Commands)
	if err != nil {
		return nil, fmt.Errorf("encoding join commands: %w", err)
	}
	labels := ClusterLabels(cluster.Name)
	labels[JoinInfoLabel] = ""
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: cluster.Namespace, Name: JoinInfoName(cluster.Name), Labels: labels},
		Type:       clusterv1.ClusterSecretType,
		Data: map[string][]byte{
			keyVersion:       []byte(joinInfoVersion),
			keyWorkerURL:     []byte(info.WorkerURL),
			keyControllerURL: []byte(info.ControllerURL),
			keyCA:            info.CA,
			keyFiles:         files,
			keyCommands:      commands,
		},
	}, nil
}

// ParseJoinInfo reads the Secret <cluster>-k0s-join. It ignores keys it does not know.
func ParseJoinInfo(secret *corev1.Secret) (JoinInfo, error) {
	if version := string(secret.Data[keyVersion]); version != joinInfoVersion {
		return JoinInfo{}, fmt.Errorf(
			"secret %s has schema version %q, this provider reads %q: upgrade the bootstrap provider",
			secret.Name,
			version,
			joinInfoVersion,
		)
	}
	info := JoinInfo{
		WorkerURL:     string(secret.Data[keyWorkerURL]),
		ControllerURL: string(secret.Data[keyControllerURL]),
		CA:            secret.Data[keyCA],
	}
	if info.WorkerURL == "" || len(info.CA) == 0 {
		return JoinInfo{}, fmt.Errorf("secret %s: keys %s and %s must not be empty", secret.Name, keyWorkerURL, keyCA)
	}
	if err := decode(secret, keyFiles, &info.Files); err != nil {
		return JoinInfo{}, err
	}
	if err := decode(secret, keyCommands, &info.Commands); err != nil {
		return JoinInfo{}, err
	}
	return info, nil
}

// GetJoinInfo returns how to join the cluster. Without a join Secret the control plane is not one of ours: then it is the
// Cluster's endpoint with the CA of <cluster>-ca. Call it only once the control plane is initialized: before that, the
// Secret may be missing because it is not written yet.
func GetJoinInfo(ctx context.Context, c client.Reader, cluster *clusterv1.Cluster) (JoinInfo, error) {
	secret := &corev1.Secret{}
	key := client.ObjectKey{Namespace: cluster.Namespace, Name: JoinInfoName(cluster.Name)}
	err := c.Get(ctx, key, secret)
	if apierrors.IsNotFound(err) {
		return foreignJoinInfo(ctx, c, cluster)
	}
	if err != nil {
		return JoinInfo{}, fmt.Errorf("getting secret %s: %w", key.Name, err)
	}
	info, err := ParseJoinInfo(secret)
	return info, phase.Failure(InvalidJoinInfo, err)
}

func foreignJoinInfo(ctx context.Context, c client.Reader, cluster *clusterv1.Cluster) (JoinInfo, error) {
	endpoint := cluster.Spec.ControlPlaneEndpoint
	if !endpoint.IsValid() {
		return JoinInfo{}, phase.Waiting(WaitingForControlPlane, "waiting for Cluster spec.controlPlaneEndpoint", 0)
	}
	secret := &corev1.Secret{}
	key := client.ObjectKey{Namespace: cluster.Namespace, Name: CAName(cluster.Name)}
	if err := c.Get(ctx, key, secret); err != nil {
		return JoinInfo{}, waitIfNotFound(err, WaitingForControlPlane, "secret "+key.Name)
	}
	ca := secret.Data[corev1.TLSCertKey]
	if len(ca) == 0 {
		return JoinInfo{}, phase.Failure(InvalidJoinInfo,
			fmt.Errorf("secret %s: key %s is empty", key.Name, corev1.TLSCertKey))
	}
	return JoinInfo{
		WorkerURL:     "https://" + net.JoinHostPort(endpoint.Host, strconv.Itoa(int(endpoint.Port))),
		ControllerURL: "https://" + net.JoinHostPort(endpoint.Host, strconv.Itoa(k0sAPIPort)),
		CA:            ca,
	}, nil
}

func decode(secret *corev1.Secret, key string, into any) error {
	data := secret.Data[key]
	if len(data) == 0 {
		return nil
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("secret %s: key %s: %w", secret.Name, key, err)
	}
	return nil
}
