// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/e2e/demo/progress"
)

// requestTimeout is how long an API server may be silent before the scenarios ask another one.
const requestTimeout = 5 * time.Second

// Workload reaches the API server of the cluster itself, through its endpoint, as its administrator.
func (c Cluster) Workload(t *testing.T) client.Client {
	t.Helper()
	config, err := c.workloadConfig(t.Context())
	require.NoError(t, err)
	workload, err := client.New(config, client.Options{})
	require.NoError(t, err)
	return workload
}

func (c Cluster) workloadConfig(ctx context.Context) (*rest.Config, error) {
	secret := &corev1.Secret{}
	key := client.ObjectKey{Namespace: Namespace, Name: c.Name + "-kubeconfig"}
	if err := c.lab.Client.Get(ctx, key, secret); err != nil {
		return nil, fmt.Errorf("getting the kubeconfig of %s: %w", c.Name, err)
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(secret.Data["value"])
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig of %s: %w", c.Name, err)
	}
	config.Timeout = requestTimeout
	return config, nil
}

// EtcdMembers are those that k0s knows of in the cluster.
func (c Cluster) EtcdMembers(t *testing.T) []unstructured.Unstructured {
	t.Helper()
	var members []unstructured.Unstructured
	Eventually(t, time.Minute, func() (err error) {
		members, err = c.listMembers(t)
		return err
	})
	return members
}

// members are the names of those that have joined, in order. An API server that does not answer is an error.
func (c Cluster) members(t *testing.T) ([]string, error) {
	t.Helper()
	all, err := c.listMembers(t)
	if err != nil {
		return nil, err
	}
	return joined(all), nil
}

func (c Cluster) listMembers(t *testing.T) ([]unstructured.Unstructured, error) {
	t.Helper()
	config, err := c.workloadConfig(t.Context())
	if err != nil {
		return nil, err
	}
	workload, err := client.New(config, client.Options{})
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", c.Name, err)
	}
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(schema.GroupVersionKind{
		Group: "etcd.k0sproject.io", Version: "v1beta1", Kind: "EtcdMemberList",
	})
	if err := workload.List(t.Context(), list); err != nil {
		return nil, fmt.Errorf("listing the members of etcd of %s: %w", c.Name, err)
	}
	return list.Items, nil
}

func joined(members []unstructured.Unstructured) []string {
	found := []string{}
	for i := range members {
		if status, _ := progress.Condition(&members[i], "Joined"); status.Status == "True" {
			found = append(found, members[i].GetName())
		}
	}
	slices.Sort(found)
	return found
}
