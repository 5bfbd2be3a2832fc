// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

// templates are the cluster templates of the lab's infrastructure provider, each with the folder of testdata that it is
// made of: clusters that `clusterctl generate cluster` makes are those that the demo and the scenarios make.
var templates = map[string]string{"cluster-template.yaml": "demo", "cluster-template-machines.yaml": "machines"}

// writeTemplates writes the templates that clusterctl looks for beside the components of an infrastructure provider.
func writeTemplates(testdata, to string) error {
	for name, folder := range templates {
		template, err := clusterTemplate(filepath.Join(testdata, folder))
		if err != nil {
			return err
		}
		if err := layout.Write(filepath.Join(to, name), template, 0o644); err != nil {
			return err
		}
	}
	return nil
}

var (
	comment  = regexp.MustCompile(`(?m)^ *#.*\n`)
	replicas = regexp.MustCompile(`(?m)^( *)replicas: 1$`)
)

// clusterTemplate turns the manifests of a cluster into a template. What is a variable of them is one of the template, too.
func clusterTemplate(dir string) ([]byte, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("making a cluster template: no manifests in %s", dir)
	}
	slices.Sort(files)
	documents := make([][]byte, 0, len(files))
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("making a cluster template: %w", err)
		}
		count := "${CONTROL_PLANE_MACHINE_COUNT:=1}"
		if bytes.Contains(content, []byte("kind: MachineDeployment")) {
			count = "${WORKER_MACHINE_COUNT:=1}"
		}
		text := comment.ReplaceAllString(string(content), "")
		text = replicas.ReplaceAllString(text, "${1}replicas: "+strings.ReplaceAll(count, "$", "$$"))
		text = strings.NewReplacer("demo", "${CLUSTER_NAME}", "namespace: default", "namespace: ${NAMESPACE}").Replace(text)
		documents = append(documents, []byte(text))
	}
	return bytes.Join(documents, []byte("---\n")), nil
}
