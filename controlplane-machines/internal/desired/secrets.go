// SPDX-License-Identifier: Apache-2.0

package desired

import (
	"fmt"
	"net"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/k0sconfig"
)

// JoinSecret tells machines how to join. ca is the certificate of the cluster's CA in PEM. Controllers join through the
// address of a member where one is known; the address here is for when none is.
func JoinSecret(f Facts, configuration Configuration, ca []byte) (*corev1.Secret, error) {
	endpoint := f.Cluster.Spec.ControlPlaneEndpoint
	secret, err := contract.JoinInfoSecret(client.ObjectKeyFromObject(f.Cluster), contract.JoinInfo{
		WorkerURL:     address(endpoint.Host, int(endpoint.Port)),
		ControllerURL: address(endpoint.Host, k0sconfig.JoinPort(configuration.Document)),
		CA:            ca,
	})
	if err != nil {
		return nil, fmt.Errorf("writing join information: %w", err)
	}
	return secret, nil
}

func address(host string, port int) string {
	return "https://" + net.JoinHostPort(host, strconv.Itoa(port))
}

// KubeconfigMetadata is the intent that gives the Secret with the kubeconfig the user's labels and annotations. Like
// Metadata it needs a field owner of its own and must be applied to what exists.
func KubeconfigMetadata(f Facts) *corev1.Secret {
	wished := f.ControlPlane.Spec.KubeconfigSecretMetadata
	labels, annotations := map[string]string{}, map[string]string{}
	for key, value := range wished.Labels {
		labels[key] = string(value)
	}
	for key, value := range wished.Annotations {
		annotations[key] = string(value)
	}
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: f.Cluster.Namespace, Name: contract.KubeconfigName(f.Cluster.Name),
		Labels: united(labels, contract.ClusterLabels(f.Cluster.Name)), Annotations: annotations,
	}}
}
