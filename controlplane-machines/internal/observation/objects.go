// SPDX-License-Identifier: Apache-2.0

package observation

import (
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/desired"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
)

// Objects are what a pass has read. None of them is changed, except that [Status] fills the status of ControlPlane.
type Objects struct {
	// Now is the one time of the pass.
	Now time.Time
	// ControlPlane is the object that the pass is about, Cluster the Cluster that it belongs to.
	ControlPlane *controlplanev1.K0sControlPlane
	Cluster      *clusterv1.Cluster
	// Machines are the Machines of the control plane, oldest first, also those that are being deleted.
	Machines []*clusterv1.Machine
	// Configs and Infrastructure are what is behind them, and what was made for a Machine that does not exist.
	Configs        []*bootstrapv1.K0sControllerConfig
	Infrastructure []*unstructured.Unstructured
	// Certificates tells that all CAs exist and fit.
	Certificates bool
	// Workers counts the other Machines and MachinePools of the Cluster; needed only when the control plane is being
	// deleted.
	Workers int
	// Storage is where the API servers keep their data.
	Storage k0snode.Storage
	// MaxLearners is etcd's limit of learners, as the members run with it.
	MaxLearners desired.MaxLearners
	// Workload is what k0s has written; nil when the workload cluster did not answer, or was not asked.
	Workload *k0snode.Objects
	// Report is the judgement of it; the zero value before there is one.
	Report k0snode.Report
	// Trouble is what keeps Machines from being made as the spec asks for, though the cluster is up. While there is any, none
	// is replaced.
	Trouble []string
	// Failure is the error that ended the pass, where no condition of its own tells it; empty when there was none.
	Failure string
}

func (o Objects) facts() desired.Facts {
	return desired.Facts{Cluster: o.Cluster, ControlPlane: o.ControlPlane}
}

func (o Objects) managesEtcd() bool { return o.Storage == k0snode.StorageEtcd }

func (o Objects) deleting() bool { return !o.ControlPlane.DeletionTimestamp.IsZero() }

// config is the config of that name; nil when there is none.
func (o Objects) config(name string) *bootstrapv1.K0sControllerConfig {
	for _, config := range o.Configs {
		if config.Name == name {
			return config
		}
	}
	return nil
}

// infrastructure is the infrastructure of that name; nil when there is none.
func (o Objects) infrastructure(name string) *unstructured.Unstructured {
	for _, object := range o.Infrastructure {
		if object.GetName() == name {
			return object
		}
	}
	return nil
}

// outdated says why a Machine is not what the spec asks for.
func (o Objects) outdated(machine *clusterv1.Machine) ([]string, error) {
	live := desired.Live{Machine: machine}
	if object := o.infrastructure(machine.Name); object != nil {
		live.Infrastructure = object.GetAnnotations()
		if live.Infrastructure == nil {
			live.Infrastructure = map[string]string{}
		}
	}
	return desired.OutdatedReasons(o.facts(), live)
}
