// SPDX-License-Identifier: Apache-2.0

package bootstrapdata

import (
	"maps"
	"slices"
	"strings"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/contract"
)

// workerArguments are the arguments with which k0s is installed. --force makes
// the step repeatable: it replaces a unit that an interrupted try left behind.
// The name of the Node is left to k0s, which takes the machine's host name.
func workerArguments(w Worker) []string {
	arguments := []string{
		"install", "worker", "--force",
		"--token-file=" + tokenPath,
		"--labels=" + labelList(w),
		"--taints=" + taintList(w.Spec.NodeTaints),
	}
	for _, argument := range w.Spec.Args {
		arguments = append(arguments, string(argument))
	}
	return arguments
}

// labelList is the user's labels and the one by which the Node is found.
func labelList(w Worker) string {
	labels := map[string]string{contract.MachineNameLabel: contract.MachineNameValue(w.MachineName)}
	for key, value := range w.Spec.NodeLabels {
		labels[key] = string(value)
	}
	pairs := make([]string, 0, len(labels))
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		pairs = append(pairs, key+"="+labels[key])
	}
	return strings.Join(pairs, ",")
}

func taintList(taints []bootstrapv1.NodeTaint) string {
	list := []string{UninitializedTaint}
	for _, taint := range taints {
		text := taint.Key
		if taint.Value != nil && *taint.Value != "" {
			text += "=" + string(*taint.Value)
		}
		list = append(list, text+":"+taint.Effect)
	}
	return strings.Join(list, ",")
}

// dataDir is the data directory of k0s under the given arguments.
func dataDir[A ~string](arguments []A) string {
	for _, argument := range arguments {
		if directory, found := strings.CutPrefix(string(argument), "--data-dir="); found {
			return directory
		}
	}
	return DefaultDataDir
}
