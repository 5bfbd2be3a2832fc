// SPDX-License-Identifier: Apache-2.0

//go:build k0scontract

package k0scontract

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return content
}

func readRepo(t *testing.T, path string) []byte {
	t.Helper()
	return readFile(t, filepath.Join(repoRoot(t), path))
}

// goldenHosted are the golden control planes that a k0s of the tested minor runs, by the name of their folder.
func goldenHosted(t *testing.T) map[string]*Hosted {
	t.Helper()
	files, err := GoldenFiles(repoRoot(t))
	require.NoError(t, err)
	found := map[string]*Hosted{}
	for _, file := range files {
		if filepath.Base(file) != objectsFile {
			continue
		}
		folder := filepath.Dir(filepath.Join(repoRoot(t), file))
		hosted, err := LoadHosted(folder)
		require.NoError(t, err, folder)
		if hosted != nil && hosted.Minor() == testedMinor {
			found[filepath.Base(folder)] = hosted
		}
	}
	require.NotEmpty(t, found)
	return found
}

// goldenWorkers are the golden user data of workers, by the name of their folder.
func goldenWorkers(t *testing.T) map[string]UserData {
	t.Helper()
	return goldenUserData(t, "worker")
}

// goldenControllers are the golden user data of controllers that a k0s of the tested minor runs.
func goldenControllers(t *testing.T) map[string]UserData {
	t.Helper()
	found := goldenUserData(t, "controller")
	maps.DeleteFunc(found, func(_ string, user UserData) bool {
		return user.Minor() != "" && user.Minor() != testedMinor
	})
	require.NotEmpty(t, found)
	return found
}

// goldenUserData are the golden user data of machines of a role, by the name of their folder.
func goldenUserData(t *testing.T, role string) map[string]UserData {
	t.Helper()
	files, err := GoldenFiles(repoRoot(t))
	require.NoError(t, err)
	found := map[string]UserData{}
	for _, file := range files {
		content := readRepo(t, file)
		if len(content) < len(cloudConfig) || string(content[:len(cloudConfig)]) != cloudConfig {
			continue
		}
		parsed, err := ParseUserData(content)
		require.NoError(t, err, file)
		if parsed.Role() == role {
			found[filepath.Base(filepath.Dir(file))] = parsed
		}
	}
	require.NotEmpty(t, found)
	return found
}
