// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

const (
	configFile = "k0s.yaml"
	// hostedDir is the data directory of k0s in a pod.
	hostedDir = "/var/lib/k0s"
)

// recipe is how the hosted control plane ran k0s.
type recipe struct {
	// args are the words after "k0s", env the variables of its container.
	args, env []string
	// files are placed in the data directory: k0s.yaml and what it refers to.
	files map[string][]byte
}

func recipeOf(files map[string][]byte, pod corev1.Pod) (recipe, error) {
	at := slices.IndexFunc(pod.Spec.Containers, func(c corev1.Container) bool { return c.Name == "k0s" })
	if at < 0 {
		return recipe{}, errors.New("the control plane has no container called k0s")
	}
	container := pod.Spec.Containers[at]
	words := slices.Concat(container.Command, container.Args)
	if len(words) < 2 || words[0] != "k0s" || len(files[configFile]) == 0 {
		return recipe{}, fmt.Errorf("the control plane does not run k0s with %s but %q", configFile, words)
	}
	r := recipe{args: words[1:], files: files}
	for _, variable := range container.Env {
		if variable.ValueFrom == nil {
			r.env = append(r.env, variable.Name+"="+variable.Value)
		}
	}
	return r, nil
}

// alone is the recipe for a k0s without a management cluster: its files are in dir, its address is its own, and it has an
// etcd of its own. All else is as in the pod.
func (r recipe) alone(dir, address string) (recipe, error) {
	var config map[string]any
	if err := yaml.Unmarshal(r.files[configFile], &config); err != nil {
		return recipe{}, fmt.Errorf("reading the hosted configuration: %w", err)
	}
	spec, ok := config["spec"].(map[string]any)
	if !ok {
		return recipe{}, errors.New("reading the hosted configuration: no spec")
	}
	endpoint, err := endpointOf(spec)
	if err != nil {
		return recipe{}, err
	}
	spec["storage"] = map[string]any{"type": "etcd"}
	own := strings.NewReplacer(hostedDir+"/", dir+"/", endpoint, address)
	content, err := yaml.Marshal(replace(config, own))
	if err != nil {
		return recipe{}, fmt.Errorf("writing the configuration: %w", err)
	}
	result := recipe{env: r.env, files: map[string][]byte{}}
	for _, argument := range r.args {
		result.args = append(result.args, own.Replace(argument))
	}
	result.args = append(result.args, "--data-dir="+dir)
	for name, file := range r.files {
		// What is not named by the configuration or a flag is not for k0s.
		if strings.Contains(string(content)+strings.Join(result.args, " "), filepath.Join(dir, name)) {
			result.files[name] = file
		}
	}
	result.files[configFile] = content
	return result, nil
}

// endpointOf is the address at which the world reaches the hosted control plane.
func endpointOf(spec map[string]any) (string, error) {
	api, _ := spec["api"].(map[string]any)
	endpoint, _ := api["externalAddress"].(string)
	if host, _, err := net.SplitHostPort(endpoint); err == nil {
		endpoint = host
	}
	if endpoint == "" {
		return "", errors.New("reading the hosted configuration: no spec.api.externalAddress")
	}
	return endpoint, nil
}

// replace replaces in all texts of a document.
func replace(value any, replacer *strings.Replacer) any {
	switch value := value.(type) {
	case string:
		return replacer.Replace(value)
	case []any:
		for i := range value {
			value[i] = replace(value[i], replacer)
		}
	case map[string]any:
		for key := range value {
			value[key] = replace(value[key], replacer)
		}
	}
	return value
}
