// SPDX-License-Identifier: Apache-2.0

package double

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/applyconfigurations"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/k0smotron/k0smotron/shared/testenv"
)

// startTime is how long an API server may take to start or to stop: a busy machine is no reason to fail.
const startTime = 2 * time.Minute

// Server is the API server of a workload cluster. One serves all tests of a package, one after the other.
type Server struct {
	// Config is an administrator's.
	Config *rest.Config
	// Client reads and writes without a cache.
	Client client.WithWatch

	server *envtest.Environment
}

// StartServer starts an API server that serves Kubernetes and what k0s adds. It must be stopped.
func StartServer() (*Server, error) {
	scheme, err := testenv.Scheme()
	if err != nil {
		return nil, err
	}
	server := &envtest.Environment{
		CRDs: Definitions(), Scheme: scheme, ControlPlaneStartTimeout: startTime, ControlPlaneStopTimeout: startTime,
	}
	config, err := server.Start()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting the API server of the workload cluster: %w", err), server.Stop())
	}
	config.QPS, config.Burst = -1, 0
	c, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("creating client of the workload cluster: %w", err), server.Stop())
	}
	return &Server{Config: config, Client: c, server: server}, nil
}

// Stop stops the API server.
func (s *Server) Stop() error {
	if err := s.server.Stop(); err != nil {
		return fmt.Errorf("stopping the API server of the workload cluster: %w", err)
	}
	return nil
}

// Main is the body of a TestMain that needs a workload cluster and a management cluster: it starts both, hands them over,
// runs the tests and stops both. The result is the exit code.
func Main(m *testing.M, options testenv.Options, use func(*testenv.Environment, *Server)) int {
	code, err := runBoth(m, options, use)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func runBoth(
	m *testing.M, options testenv.Options, use func(*testenv.Environment, *Server),
) (code int, failure error) {
	management, err := testenv.Start(options)
	if err != nil {
		return 1, err
	}
	defer func() { failure = errors.Join(failure, management.Stop()) }()
	server, err := StartServer()
	if err != nil {
		return 1, err
	}
	defer func() { failure = errors.Join(failure, server.Stop()) }()
	use(management, server)
	return m.Run(), nil
}

// Empty removes what k0s, and whoever else, has written for an earlier test: the workload cluster is a new one.
func (s *Server) Empty(t testing.TB) client.WithWatch {
	t.Helper()
	for _, kind := range []schema.GroupVersionKind{EtcdMemberKind, ControlNodeKind} {
		s.remove(t, empty(kind, ""))
	}
	s.remove(t, empty(ClusterConfigKind, ""), client.InNamespace(metav1.NamespaceSystem))
	s.remove(t, &coordinationv1.Lease{}, client.InNamespace(corev1.NamespaceNodeLease))
	s.remove(t, &corev1.Node{})
	return s.Client
}

func (s *Server) remove(t testing.TB, kind client.Object, options ...client.DeleteAllOfOption) {
	t.Helper()
	if err := s.Client.DeleteAllOf(t.Context(), kind, options...); err != nil {
		t.Fatalf("emptying the workload cluster of %T: %v", kind, err)
	}
}

// InMemory is a workload cluster without an API server, for tests and benchmarks that need many. It validates nothing,
// and only a Front lets it be watched.
func InMemory() client.WithWatch {
	shared := sharedInMemory()
	return fake.NewClientBuilder().WithReturnManagedFields().WithScheme(shared.scheme).
		WithTypeConverters(shared.converters...).
		WithStatusSubresource(empty(EtcdMemberKind, ""), empty(ControlNodeKind, "")).Build()
}

// inMemory is what workload clusters in memory have in common.
type inMemory struct {
	scheme     *runtime.Scheme
	converters []managedfields.TypeConverter
}

// sharedInMemory is made once: it takes megabytes, and a fake client would make its own, and add kinds that it does not
// know to a scheme that others read.
var sharedInMemory = sync.OnceValue(func() inMemory {
	known := kubernetes()
	for _, kind := range []schema.GroupVersionKind{EtcdMemberKind, ControlNodeKind, ClusterConfigKind} {
		known.AddKnownTypeWithName(kind, &unstructured.Unstructured{})
		known.AddKnownTypeWithName(kind.GroupVersion().WithKind(kind.Kind+"List"), &unstructured.UnstructuredList{})
	}
	return inMemory{
		scheme: known,
		// The first must not know what it cannot convert, so that the second is asked.
		converters: []managedfields.TypeConverter{
			applyconfigurations.NewTypeConverter(kubernetes()), managedfields.NewDeducedTypeConverter(),
		},
	}
})

// kubernetes is as little of Kubernetes as will do: a fake client goes through all kinds at every write.
func kubernetes() *runtime.Scheme {
	known := runtime.NewScheme()
	utilruntime.Must(corev1.AddToScheme(known))
	utilruntime.Must(coordinationv1.AddToScheme(known))
	return known
}

// List are the objects of a kind in the workload cluster.
func List(ctx context.Context, c client.Reader, kind schema.GroupVersionKind) ([]unstructured.Unstructured, error) {
	objects := &unstructured.UnstructuredList{}
	objects.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	if err := c.List(ctx, objects); err != nil {
		return nil, fmt.Errorf("listing %ss: %w", kind.Kind, err)
	}
	return objects.Items, nil
}
