// SPDX-License-Identifier: Apache-2.0

// Package testenv starts a real API server for tests, makes the objects of Cluster API they need, compares golden files,
// and, in testenv/faults, repeats a scenario with every possible fault. It is imported by tests only.
package testenv

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/retry"
	"k8s.io/klog/v2"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// Options say what an environment needs beyond Kubernetes and Cluster API.
type Options struct {
	// CRDPaths are folders or files with CRDs of ours.
	CRDPaths []string
	// AddToScheme adds our kinds to the scheme.
	AddToScheme []func(*runtime.Scheme) error
	// Webhooks are folders or files with webhook configurations; the test serves them (Environment.Webhooks).
	Webhooks []string
}

// Environment is a running API server with Cluster API's CRDs, the test infrastructure kinds and ours.
type Environment struct {
	// Config is an administrator's.
	Config *rest.Config
	// Scheme knows Kubernetes, CRDs, Cluster API and the kinds of Options.
	Scheme *runtime.Scheme
	// Client reads and writes without a cache.
	Client client.WithWatch
	// Webhooks says where the API server expects the webhook server.
	Webhooks envtest.WebhookInstallOptions

	server *envtest.Environment
}

// Main is the body of a TestMain: it starts one API server for the package, hands it over, runs the tests and stops it.
// The result is the exit code. use keeps the environment in a variable of the test package.
func Main(m *testing.M, options Options, use func(*Environment)) int {
	flag.Parse()
	environment, err := Start(options)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	use(environment)
	code := m.Run()
	if err := environment.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// Start starts an API server. It must be stopped.
func Start(options Options) (*Environment, error) {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		return nil, errors.New("KUBEBUILDER_ASSETS is not set: run `make test`, " +
			"or set it to a folder with kube-apiserver, etcd and kubectl")
	}
	ctrl.SetLogger(klog.Background())
	scheme, err := Scheme(options.AddToScheme...)
	if err != nil {
		return nil, err
	}
	core, err := CoreCRDs()
	if err != nil {
		return nil, err
	}
	server := &envtest.Environment{
		CRDDirectoryPaths:     append([]string{core}, options.CRDPaths...),
		CRDs:                  InfrastructureCRDs(),
		ErrorIfCRDPathMissing: true,
		Scheme:                scheme,
		WebhookInstallOptions: envtest.WebhookInstallOptions{Paths: options.Webhooks},
		// A busy machine is no reason to fail.
		ControlPlaneStartTimeout: 2 * time.Minute,
		ControlPlaneStopTimeout:  2 * time.Minute,
	}
	config, err := server.Start()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting the API server: %w", err), server.Stop())
	}
	config.QPS, config.Burst = -1, 0
	c, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("creating client: %w", err), server.Stop())
	}
	return &Environment{
		Config: config, Scheme: scheme, Client: c, Webhooks: server.WebhookInstallOptions, server: server,
	}, nil
}

// Stop stops the API server.
func (e *Environment) Stop() error {
	if err := e.server.Stop(); err != nil {
		return fmt.Errorf("stopping the API server: %w", err)
	}
	return nil
}

// Scheme knows Kubernetes, CRDs, Cluster API and what the functions add.
func Scheme(add ...func(*runtime.Scheme) error) (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	known := []func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme, clusterv1.AddToScheme,
	}
	for _, f := range append(known, add...) {
		if err := f(scheme); err != nil {
			return nil, fmt.Errorf("building scheme: %w", err)
		}
	}
	return scheme, nil
}

// MustScheme is Scheme for package variables of tests.
func MustScheme(add ...func(*runtime.Scheme) error) *runtime.Scheme {
	scheme, err := Scheme(add...)
	utilruntime.Must(err)
	return scheme
}

// CoreCRDs is the folder with the CRDs of the Cluster API release that the module under test requires.
func CoreCRDs() (string, error) {
	module, err := output(context.Background(), "", "go", "list", "-m", "-f", "{{.Dir}}", clusterAPI)
	if err != nil {
		return "", err
	}
	return filepath.Join(module, "core", "config", "crd", "bases"), nil
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// Namespace creates a namespace for one test. It is not removed: the API server ends with the package, and no namespace
// controller runs that could empty it.
func (e *Environment) Namespace(t testing.TB) string {
	t.Helper()
	prefix := notInNames.ReplaceAllString(strings.ToLower(t.Name()), "-")
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: cut(prefix, 40) + "-"}}
	if err := e.Client.Create(t.Context(), namespace); err != nil {
		t.Fatalf("creating namespace: %v", err)
	}
	return namespace.Name
}

// Create creates objects and, where one has a status, writes that too, so that a test can state a whole object.
func (e *Environment) Create(t testing.TB, objects ...client.Object) {
	t.Helper()
	if err := Create(t.Context(), e.Client, objects...); err != nil {
		t.Fatal(err)
	}
}

// Get reads an object again.
func (e *Environment) Get(t testing.TB, object client.Object) {
	t.Helper()
	if err := e.Client.Get(t.Context(), client.ObjectKeyFromObject(object), object); err != nil {
		t.Fatalf("getting %T %s: %v", object, object.GetName(), err)
	}
}

// Change reads an object again, changes it and writes it, anew when somebody else has written it meanwhile, as a manager
// may.
func (e *Environment) Change(t testing.TB, object client.Object, change func()) {
	t.Helper()
	e.rewrite(t, object, change, func() error { return e.Client.Update(t.Context(), object) })
}

// ChangeStatus does with a status what Change does with the rest of an object.
func (e *Environment) ChangeStatus(t testing.TB, object client.Object, change func()) {
	t.Helper()
	e.rewrite(t, object, change, func() error { return e.Client.Status().Update(t.Context(), object) })
}

func (e *Environment) rewrite(t testing.TB, object client.Object, change func(), write func() error) {
	t.Helper()
	if err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		e.Get(t, object)
		change()
		return write()
	}); err != nil {
		t.Fatalf("changing %T %s: %v", object, object.GetName(), err)
	}
}

func cut(s string, limit int) string {
	return strings.Trim(s[:min(len(s), limit)], "-")
}
