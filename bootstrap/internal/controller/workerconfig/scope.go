// SPDX-License-Identifier: Apache-2.0

package workerconfig

import (
	corev1 "k8s.io/api/core/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/bootstrap/internal/bootstrapdata"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/jointoken"
	"github.com/k0smotron/k0smotron/shared/k0sversion"
)

// scope is the facts of one pass. Phases add to it; none takes away.
type scope struct {
	// config is what the pass is about.
	config *bootstrapv1.K0sWorkerConfig
	// machine owns the config.
	machine *clusterv1.Machine
	// cluster is the one the machine is part of.
	cluster *clusterv1.Cluster
	// dataSecret holds the bootstrap data; nil while there is none, or dataSecretKnown is false.
	dataSecret *corev1.Secret
	// strangeSecret has the name of the data Secret and does not belong to the config.
	strangeSecret *corev1.Secret
	// dataSecretKnown is true once it is known whether there is a dataSecret.
	dataSecretKnown bool
	// joined is true once the machine has a Node.
	joined bool
	// join is how the control plane is joined.
	join contract.JoinInfo
	// version is the k0s release of the machine.
	version k0sversion.Version
	// files are those of the config with their content.
	files []bootstrapdata.File
	// token is the join token and until when it is valid.
	token jointoken.Record
}

func (s *scope) clusterKey() client.ObjectKey {
	return client.ObjectKey{Namespace: s.machine.Namespace, Name: s.machine.Spec.ClusterName}
}
