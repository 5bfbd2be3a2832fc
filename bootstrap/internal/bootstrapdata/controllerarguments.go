// SPDX-License-Identifier: Apache-2.0

package bootstrapdata

import (
	"slices"
	"strings"

	"github.com/k0smotron/k0smotron/shared/contract"
)

// labelsFlag is the one flag of the user's that is merged with ours.
const labelsFlag = "--labels="

// controllerArguments are the arguments with which k0s is installed. --force
// makes the step repeatable: it replaces a unit that an interrupted try left
// behind. AUTOPILOT_HOSTNAME is how k0s names the controller in the cluster; it
// would be the machine's host name, which nobody can derive from the Machine.
func controllerArguments(c Controller) []string {
	arguments := []string{
		"install", "controller", "--force",
		"--config=" + configPath,
		"--enable-dynamic-config",
		"--env=AUTOPILOT_HOSTNAME=" + c.MachineName,
	}
	if c.JoinToken != "" {
		arguments = append(arguments, "--token-file="+tokenPath)
	}
	if c.Spec.RunsWorker() {
		arguments = append(arguments, labelsFlag+strings.Join(controllerLabels(c), ","))
	}
	for _, argument := range c.Spec.Args {
		if !c.Spec.RunsWorker() || !strings.HasPrefix(string(argument), labelsFlag) {
			arguments = append(arguments, string(argument))
		}
	}
	return arguments
}

// controllerLabels are the label by which the Node is found, and the user's.
// There is no field for them: upstream's users write --labels.
func controllerLabels(c Controller) []string {
	labels := []string{contract.MachineNameLabel + "=" + contract.MachineNameValue(c.MachineName)}
	for _, argument := range c.Spec.Args {
		if list, found := strings.CutPrefix(string(argument), labelsFlag); found && list != "" {
			labels = append(labels, strings.Split(list, ",")...)
		}
	}
	slices.Sort(labels)
	return slices.Compact(labels)
}
