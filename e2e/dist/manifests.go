// SPDX-License-Identifier: Apache-2.0

package dist

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// Manifests are a provider's objects as kustomize renders them.
type Manifests struct {
	// YAML is the rendered text, with clusterctl's variables in it.
	YAML []byte
	// Objects are the same objects, with the defaults in place of the variables.
	Objects []*unstructured.Unstructured
	// Version is the tag of the manager's image.
	Version string
}

// Render runs kustomize on the provider's config/default in the repository at root.
func Render(root string, p Provider) (Manifests, error) {
	source := filepath.Join(root, p.Folder, "config", "default")
	rendered, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), source)
	if err != nil {
		return Manifests{}, fmt.Errorf("rendering %s: %w", source, err)
	}
	text, err := rendered.AsYaml()
	if err != nil {
		return Manifests{}, fmt.Errorf("writing manifests of %s: %w", p.Product, err)
	}
	objects, err := Parse(substituteDefaults(text))
	if err != nil {
		return Manifests{}, fmt.Errorf("reading manifests of %s: %w", p.Product, err)
	}
	version, err := imageTag(objects, p.image())
	if err != nil {
		return Manifests{}, err
	}
	return Manifests{YAML: text, Objects: objects, Version: version}, nil
}

// Parse reads the objects of a YAML stream. Empty documents are left out.
func Parse(text []byte) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096); ; {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(object)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading YAML: %w", err)
		}
		if len(object.Object) > 0 {
			objects = append(objects, object)
		}
	}
}

var variable = regexp.MustCompile(`\$\{[A-Za-z0-9_]+:?[=-]([^}]*)\}`)

// substituteDefaults does what clusterctl does where the user sets no variable.
func substituteDefaults(text []byte) []byte {
	return variable.ReplaceAll(text, []byte("$1"))
}

var versionForm = regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)

func imageTag(objects []*unstructured.Unstructured, image string) (string, error) {
	manager, err := managerOf(objects)
	if err != nil {
		return "", err
	}
	full, _ := manager["image"].(string)
	tag, found := strings.CutPrefix(full, image+":")
	if !found || !versionForm.MatchString(tag) {
		return "", fmt.Errorf(
			"reading the version of %s: the manager's image is %q, want %s:vX.Y.Z",
			image,
			full,
			image,
		)
	}
	return tag, nil
}

// managerOf finds the container that clusterctl's contract calls manager.
func managerOf(objects []*unstructured.Unstructured) (map[string]any, error) {
	for _, object := range objects {
		if object.GetKind() != "Deployment" {
			continue
		}
		containers, _, err := unstructured.NestedFieldNoCopy(object.Object, "spec", "template", "spec", "containers")
		if err != nil {
			return nil, fmt.Errorf("reading Deployment %s: %w", object.GetName(), err)
		}
		list, _ := containers.([]any)
		for _, item := range list {
			if container, ok := item.(map[string]any); ok && container["name"] == "manager" {
				return container, nil
			}
		}
	}
	return nil, errors.New("finding the manager: no Deployment has a container of that name")
}
