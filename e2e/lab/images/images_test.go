// SPDX-License-Identifier: Apache-2.0

package images

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

func binary(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o755))
	return path
}

func TestKeyFollowsContentNotTime(t *testing.T) {
	t.Parallel()
	path := binary(t, "one")
	img := Program("lab.k0smotron.io/x:v1", path, "")
	first, err := Key(img)
	require.NoError(t, err)

	require.NoError(t, os.WriteFile(path, []byte("one"), 0o755))
	same, err := Key(img)
	require.NoError(t, err)
	assert.Equal(t, first, same)

	require.NoError(t, os.WriteFile(path, []byte("two"), 0o755))
	other, err := Key(img)
	require.NoError(t, err)
	assert.NotEqual(t, first, other)

	img.User = "1:1"
	third, err := Key(img)
	require.NoError(t, err)
	assert.NotEqual(t, other, third)

	_, err = Key(Program("lab.k0smotron.io/x:v1", "/does/not/exist", ""))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestBuildKeepsOnlyTheNewest(t *testing.T) {
	t.Parallel()
	p := layout.Paths{Cache: t.TempDir()}
	path := binary(t, "one")
	img := Program("lab.k0smotron.io/x:v1", path, "")
	first, err := Build(p, img)
	require.NoError(t, err)
	again, err := Build(p, img)
	require.NoError(t, err)
	assert.Equal(t, first, again)

	unrelated, err := Build(p, Program("lab.k0smotron.io/y:v1", path, ""))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte("two"), 0o755))
	second, err := Build(p, img)
	require.NoError(t, err)
	assert.NoFileExists(t, first)
	assert.FileExists(t, second)
	assert.FileExists(t, unrelated)
}
