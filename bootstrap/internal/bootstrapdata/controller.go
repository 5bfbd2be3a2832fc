// SPDX-License-Identifier: Apache-2.0

package bootstrapdata

import (
	"fmt"
	"slices"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/k0sconfig"
	"github.com/k0smotron/k0smotron/shared/k0sversion"
	"github.com/k0smotron/k0smotron/shared/pki"
)

// controllerUnit is the systemd unit that `k0s install controller` makes.
const controllerUnit = "k0scontroller.service"

// Controller is what is known about a controller before its machine exists.
type Controller struct {
	// MachineName is the name of the Machine. The etcd member and the controller
	// itself are named after it.
	MachineName string
	// Version is the k0s release.
	Version k0sversion.Version
	// Spec is the wish. Its files and its ClusterConfig are not used: see Files
	// and K0s.
	Spec bootstrapv1.K0sControllerConfigSpec
	// K0s is the ClusterConfig document of Spec.
	K0s map[string]any
	// Files are those of Spec with their content.
	Files []File
	// Pairs are the certificates of the cluster; that of etcd's CA is needed only
	// where k0s runs etcd.
	Pairs map[pki.Purpose]pki.Pair
	// JoinToken is the encoded token; empty unless NeedsToken.
	JoinToken string
}

// NeedsToken tells whether a controller joins with a token: where k0s runs etcd,
// another member has to let it in. Elsewhere the certificates and the state that
// all controllers share are enough, and k0s would not even read a token.
func NeedsToken(role bootstrapv1.ControllerRole, document map[string]any) bool {
	return role == bootstrapv1.ControllerRoleJoining && k0sconfig.ManagesEtcd(document)
}

// BuildController says what makes the machine a controller. Errors name the
// field of the config that has to change.
func BuildController(c Controller) (Data, error) {
	config, err := configFile(c)
	if err != nil {
		return Data{}, err
	}
	parameters, err := lineFile("parameters", controllerParameters(c))
	if err != nil {
		return Data{}, err
	}
	arguments, err := lineFile("k0s-arguments", controllerArguments(c))
	if err != nil {
		return Data{}, err
	}
	ours := slices.Concat(
		machineFiles(),
		[]File{parameters, arguments, config},
		tokenFiles(c.JoinToken),
		guardFiles(c),
		commandFiles("pre-k0s", c.Spec.PreK0sCommands),
		commandFiles("post-k0s", c.Spec.PostK0sCommands),
	)
	certificates := pkiFiles(c)
	// Also what is left out is not for others: it would keep the machine from joining.
	if err := checkPaths(slices.Concat(ours, certificates, c.Files)); err != nil {
		return Data{}, err
	}
	return Data{Files: slices.Concat(ours, placedOn(c, certificates), c.Files), Unit: Unit}, nil
}

// configFile is k0s.yaml: what k0s reads from its file alone. It may hold the
// credentials of a database.
func configFile(c Controller) (File, error) {
	if err := k0sconfig.Joinable(c.K0s); err != nil {
		return File{}, fmt.Errorf("spec.k0s: %w", err)
	}
	facts := k0sconfig.Facts{Version: c.Version}
	if k0sconfig.ManagesEtcd(c.K0s) {
		facts.EtcdMember = c.MachineName
	}
	config, err := k0sconfig.Effective(c.K0s, facts)
	if err != nil {
		return File{}, fmt.Errorf("spec.k0s: %w", err)
	}
	text, err := config.NodeLocalYAML()
	return File{Path: configPath, Content: text, Permissions: secretMode}, err
}

// controllerParameters are what the script has to know, one name=value per line.
func controllerParameters(c Controller) []string {
	parameters := []string{"unit=" + controllerUnit, "ask_k0s=yes", "pki_dir=" + pkiDir(c)}
	if data := dataFile(c); data != "" {
		parameters = append(parameters, "joined_file="+data, "permit="+permitPath)
	}
	if c.JoinToken != "" && c.Version.Supports(k0sversion.JoinByEtcdData) {
		parameters = append(parameters, "token_file="+tokenPath)
	}
	return slices.Concat(
		parameters, machineParameters(c.Spec.InstallSpec), downloadParameters(c.Spec.InstallSpec, c.Version))
}

// dataFile is there once the machine holds a copy of the state of the cluster;
// empty where the state lies elsewhere.
func dataFile(c Controller) string {
	file := k0sconfig.DataFile(c.K0s)
	if file == "" {
		return ""
	}
	return dataDir(c.Spec.Args) + "/" + file
}

func pkiDir(c Controller) string { return dataDir(c.Spec.Args) + "/pki" }

// pkiFiles are the certificates where k0s looks for them before it makes its
// own.
func pkiFiles(c Controller) []File {
	var files []File
	for _, purpose := range pki.Purposes() {
		pair, known := c.Pairs[purpose]
		if !known || purpose == pki.EtcdCA && !k0sconfig.ManagesEtcd(c.K0s) {
			continue
		}
		names := purpose.Files()
		files = append(files,
			File{Path: pkiDir(c) + "/" + names.Cert, Content: pair.Cert, Permissions: publicMode},
			File{Path: pkiDir(c) + "/" + names.Key, Content: pair.Key, Permissions: secretMode},
		)
	}
	return files
}

// placedOn are the certificates that the machine gets. A release that joins only
// while the cluster's CA is missing fetches that from the member it joins.
func placedOn(c Controller, certificates []File) []File {
	if c.JoinToken == "" || c.Version.Supports(k0sversion.JoinByEtcdData) {
		return certificates
	}
	names := pki.KubernetesCA.Files()
	return slices.DeleteFunc(slices.Clone(certificates), func(file File) bool {
		return file.Path == pkiDir(c)+"/"+names.Cert || file.Path == pkiDir(c)+"/"+names.Key
	})
}

func tokenFiles(joinToken string) []File {
	if joinToken == "" {
		return nil
	}
	return []File{{Path: tokenPath, Content: []byte(joinToken + "\n"), Permissions: secretMode}}
}

// guardFiles keep the unit of k0s from starting without the data that the
// machine once had: it would create another, empty cluster, or join as a second
// member. systemd checks this whoever starts the unit, also at every boot.
func guardFiles(c Controller) []File {
	data := dataFile(c)
	if data == "" {
		return nil
	}
	return []File{{
		Path: unitDir + "/" + controllerUnit + ".d/k0smotron.conf",
		Content: []byte("# SPDX-License-Identifier: Apache-2.0\n#\n" +
			"# Without its data k0s would create an empty cluster, or join a second time. It may\n" +
			"# do that in the boot in which this machine is made a controller, and never again.\n" +
			"[Unit]\n" +
			"AssertPathExists=|" + permitPath + "\n" +
			"AssertPathExists=|" + data + "\n"),
		Permissions: publicMode,
	}}
}
