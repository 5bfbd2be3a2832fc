// SPDX-License-Identifier: Apache-2.0

package bootstrapdata

import (
	"errors"
	"fmt"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/k0sversion"
)

// ResolveVersion decides which k0s release a machine gets: that of the config,
// else that of the Machine. The two may differ in the build only, because the
// Machine's version is what Cluster API compares the Node with. machineVersion
// may be empty. The zero version is returned, without an error, when nobody
// names one and none is needed because k0s is part of the machine image.
func ResolveVersion(
	configVersion, machineVersion string, install bootstrapv1.InstallSpec,
) (k0sversion.Version, error) {
	switch {
	case configVersion == "" && machineVersion == "":
		return noVersion(install)
	case configVersion == "":
		return parseVersion("spec.version of the Machine", machineVersion)
	case machineVersion == "":
		return parseVersion("spec.version", configVersion)
	}
	return sameKubernetes(configVersion, machineVersion)
}

func noVersion(install bootstrapv1.InstallSpec) (k0sversion.Version, error) {
	if IsPreInstalled(install) {
		return k0sversion.Version{}, nil
	}
	return k0sversion.Version{}, errors.New(
		"no k0s version is given: set spec.version here, or spec.version of the Machine " +
			"(spec.template.spec.version of its MachineDeployment)")
}

func sameKubernetes(configVersion, machineVersion string) (k0sversion.Version, error) {
	config, err := parseVersion("spec.version", configVersion)
	if err != nil {
		return k0sversion.Version{}, err
	}
	machine, err := parseVersion("spec.version of the Machine", machineVersion)
	if err != nil {
		return k0sversion.Version{}, err
	}
	if !config.SameKubernetes(machine) {
		return k0sversion.Version{}, fmt.Errorf(
			"spec.version is %s, but spec.version of the Machine is %s: remove spec.version, or name a build of %s",
			config, machine, machine.Kubernetes())
	}
	return config, nil
}

func parseVersion(field, text string) (k0sversion.Version, error) {
	version, err := k0sversion.Parse(text)
	if err != nil {
		return k0sversion.Version{}, fmt.Errorf("%s %q: %w", field, text, err)
	}
	return version, nil
}
