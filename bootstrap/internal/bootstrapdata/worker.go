// SPDX-License-Identifier: Apache-2.0

package bootstrapdata

import (
	"slices"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/k0sversion"
)

// workerUnit is the systemd unit that `k0s install worker` makes.
const workerUnit = "k0sworker.service"

// Worker is what is known about a worker before its machine exists.
type Worker struct {
	// MachineName is the name of the Machine.
	MachineName string
	// Version is the k0s release; zero only when k0s is part of the machine image.
	Version k0sversion.Version
	// Spec is the user's wish. Its files are not used: see Files.
	Spec bootstrapv1.K0sWorkerConfigSpec
	// Files are those of Spec with their content.
	Files []File
	// Join is how the control plane is joined.
	Join contract.JoinInfo
	// JoinToken is the encoded token.
	JoinToken string
}

// BuildWorker says what makes the machine a worker. Errors name the field of
// the config that has to change.
func BuildWorker(w Worker) (Data, error) {
	parameters, err := lineFile("parameters", workerParameters(w))
	if err != nil {
		return Data{}, err
	}
	arguments, err := lineFile("k0s-arguments", workerArguments(w))
	if err != nil {
		return Data{}, err
	}
	files := slices.Concat(
		machineFiles(),
		[]File{
			parameters, arguments,
			{Path: tokenPath, Content: []byte(w.JoinToken + "\n"), Permissions: secretMode},
		},
		commandFiles("pre-k0s", slices.Concat(w.Join.Commands, w.Spec.PreK0sCommands)),
		commandFiles("post-k0s", w.Spec.PostK0sCommands),
		joinFiles(w.Join),
		w.Files,
	)
	return Data{Files: files, Unit: Unit}, checkPaths(files)
}

// workerParameters are what the script has to know, one name=value per line.
func workerParameters(w Worker) []string {
	return slices.Concat(
		[]string{
			"unit=" + workerUnit,
			"joined_file=" + dataDir(w.Spec.Args) + "/kubelet.conf",
			"token_file=" + tokenPath,
		},
		machineParameters(w.Spec.InstallSpec),
		downloadParameters(w.Spec.InstallSpec, w.Version),
	)
}

// joinFiles are the files the control plane asks of everyone who joins.
func joinFiles(join contract.JoinInfo) []File {
	files := make([]File, 0, len(join.Files))
	for _, file := range join.Files {
		permissions := file.Permissions
		if permissions == "" {
			permissions = secretMode
		}
		files = append(files, File{Path: file.Path, Content: []byte(file.Content), Permissions: permissions})
	}
	return files
}
