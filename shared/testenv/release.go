// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

const (
	clusterAPI = "sigs.k8s.io/cluster-api"
	// crdTime is how long the API server may take to take CRDs up or to forget them.
	crdTime = 2 * time.Minute
)

// Releases are the older releases of Cluster API under which our providers must run, oldest first. Each is pinned by a
// module of its own, capi/<release>.
func Releases() []string { return []string{"1.12", "1.13"} }

// EachRelease runs a test under the CRDs of every older release of Cluster API, and then under those of the release
// that we are built with, "current". Whatever exists of Cluster API's kinds is gone before each. No other test may use
// the environment meanwhile.
func (e *Environment) EachRelease(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	current, err := CoreCRDs()
	if err != nil {
		t.Fatal(err)
	}
	for _, release := range Releases() {
		directory, err := releaseCRDs(t.Context(), release)
		if err != nil {
			t.Fatal(err)
		}
		e.replaceCRDs(t, directory)
		t.Run(release, test)
	}
	e.replaceCRDs(t, current)
	t.Run("current", test)
}

// replaceCRDs puts the CRDs of a folder in the place of all of Cluster API's.
func (e *Environment) replaceCRDs(t *testing.T, directory string) {
	t.Helper()
	if err := e.removeCRDs(t.Context()); err != nil {
		t.Fatal(err)
	}
	installed, err := envtest.InstallCRDs(e.Config, envtest.CRDInstallOptions{
		Paths: []string{directory}, ErrorIfPathMissing: true, MaxTime: crdTime,
	})
	if err != nil {
		t.Fatalf("installing the CRDs of %s: %v", directory, err)
	}
	for _, crd := range installed {
		if err := e.untilServed(t.Context(), crd); err != nil {
			t.Fatal(err)
		}
	}
}

// removeCRDs removes the CRDs of Cluster API and waits until they are gone: what is created in between could be checked
// by either. It asks for each kind first, because the API server empties a kind that it has not served yet only after a
// long time.
func (e *Environment) removeCRDs(ctx context.Context) error {
	list := &apiextensionsv1.CustomResourceDefinitionList{}
	if err := e.Client.List(ctx, list); err != nil {
		return fmt.Errorf("listing CRDs: %w", err)
	}
	core := slices.DeleteFunc(list.Items, func(crd apiextensionsv1.CustomResourceDefinition) bool {
		return !isCore(crd.Spec.Group)
	})
	for i := range core {
		if err := e.untilServed(ctx, &core[i]); err != nil {
			return err
		}
		if err := client.IgnoreNotFound(e.Client.Delete(ctx, &core[i])); err != nil {
			return fmt.Errorf("deleting CRD %s: %w", core[i].Name, err)
		}
	}
	for i := range core {
		if err := e.untilGone(ctx, core[i].Name); err != nil {
			return err
		}
	}
	return nil
}

// isCore tells Cluster API's own groups from those that it lets providers use.
func isCore(group string) bool {
	return slices.Contains([]string{
		"cluster.x-k8s.io", "addons.cluster.x-k8s.io", "ipam.cluster.x-k8s.io", "runtime.cluster.x-k8s.io",
	}, group)
}

func (e *Environment) untilGone(ctx context.Context, name string) error {
	return until(ctx, "CRD "+name+" to be gone", func(ctx context.Context) (bool, error) {
		err := e.Client.Get(ctx, client.ObjectKey{Name: name}, &apiextensionsv1.CustomResourceDefinition{})
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	})
}

// untilServed waits until the API server lists the objects of a CRD, in the version that it stores.
func (e *Environment) untilServed(ctx context.Context, crd *apiextensionsv1.CustomResourceDefinition) error {
	list := &metav1.PartialObjectMetadataList{}
	for _, version := range crd.Spec.Versions {
		if version.Storage {
			list.SetGroupVersionKind(schema.GroupVersionKind{
				Group: crd.Spec.Group, Version: version.Name, Kind: crd.Spec.Names.ListKind,
			})
		}
	}
	return until(ctx, crd.Name+" to be served", func(ctx context.Context) (bool, error) {
		return e.Client.List(ctx, list, client.Limit(1)) == nil, nil
	})
}

func until(ctx context.Context, what string, done wait.ConditionWithContextFunc) error {
	if err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, crdTime, true, done); err != nil {
		return fmt.Errorf("waiting for %s: %w", what, err)
	}
	return nil
}

// releaseCRDs is the folder with the CRDs of a release, which is downloaded if it is not in the module cache.
func releaseCRDs(ctx context.Context, release string) (string, error) {
	pins, err := output(ctx, "", "go", "list", "-f", "{{.Dir}}", "github.com/k0smotron/k0smotron/shared/testenv")
	if err != nil {
		return "", err
	}
	text, err := output(ctx, filepath.Join(pins, "capi", release), "go", "mod", "download", "-json", clusterAPI)
	if err != nil {
		return "", err
	}
	var module struct{ Dir string }
	if err := json.Unmarshal([]byte(text), &module); err != nil {
		return "", fmt.Errorf("reading what go tells of module %s: %w", clusterAPI, err)
	}
	return filepath.Join(module.Dir, "config", "crd", "bases"), nil
}

// output runs a command in a folder. A folder other than the test's own is a module outside the workspace.
func output(ctx context.Context, directory string, command ...string) (string, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stderr = os.Stderr
	if directory != "" {
		cmd.Dir, cmd.Env = directory, append(os.Environ(), "GOWORK=off")
	}
	text, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("running %s: %w", strings.Join(command, " "), err)
	}
	return strings.TrimSpace(string(text)), nil
}
