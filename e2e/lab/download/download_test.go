// SPDX-License-Identifier: Apache-2.0

package download_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/lab/download"
)

func TestFilesAreServedByName(t *testing.T) {
	_, url := serve(t)
	for path, want := range map[string]int{
		"/k0s-v1.36.3+k0s.2-amd64":   http.StatusOK,
		"/k0s-v1.36.3%2Bk0s.2-amd64": http.StatusOK,
		"/k0s-v1.36.3+k0s.1-amd64":   http.StatusNotFound,
		"/":                          http.StatusNotFound,
		"/../etc/passwd":             http.StatusNotFound,
	} {
		code, content := get(t, url+path)
		assert.Equal(t, want, code, path)
		if want == http.StatusOK {
			assert.Equal(t, "the program", content, path)
		}
	}
}

func TestChecksumsAreThoseOfTheFiles(t *testing.T) {
	_, url := serve(t)
	file := filepath.Join(t.TempDir(), "same")
	require.NoError(t, os.WriteFile(file, []byte("the program"), 0o600))
	sum, err := download.Sum(file)
	require.NoError(t, err)
	assert.Len(t, sum, 64)

	code, content := get(t, url+"/"+download.Checksums)
	assert.Equal(t, http.StatusOK, code)
	assert.Equal(t, sum+" *k0s-v1.36.3+k0s.2-amd64\n", content)
}

func TestSumOfWhatIsNotThere(t *testing.T) {
	_, err := download.Sum(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestTheNextRequestsFailAndNoMore(t *testing.T) {
	server, url := serve(t)
	server.SetFaults(download.Faults{FailNext: 2})
	var codes []int
	for range 4 {
		code, _ := get(t, url+"/k0s-v1.36.3+k0s.2-amd64")
		codes = append(codes, code)
	}
	assert.Equal(t, []int{503, 503, 200, 200}, codes)
	assert.Equal(t, map[string]int{"k0s-v1.36.3+k0s.2-amd64": 4}, server.Served())
}

func TestUnknownFilesDoNotUseUpFaults(t *testing.T) {
	server, url := serve(t)
	server.SetFaults(download.Faults{FailNext: 1})
	code, _ := get(t, url+"/unknown")
	assert.Equal(t, http.StatusNotFound, code)
	code, _ = get(t, url+"/k0s-v1.36.3+k0s.2-amd64")
	assert.Equal(t, http.StatusServiceUnavailable, code)
}

func TestASlowDownloadIsStillComplete(t *testing.T) {
	server, url := serve(t)
	server.SetFaults(download.Faults{BytesPerSecond: 40})
	start := time.Now()
	_, content := get(t, url+"/k0s-v1.36.3+k0s.2-amd64")
	assert.Equal(t, "the program", content)
	assert.Greater(t, time.Since(start), 200*time.Millisecond, "11 bytes at 40 a second")
}

func TestTheLimitIsPerSecondHoweverManyWrites(t *testing.T) {
	content := strings.Repeat("x", 300_000)
	file := filepath.Join(t.TempDir(), "large")
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	server := download.NewServer(map[string]string{"large": file})
	server.SetFaults(download.Faults{BytesPerSecond: 1_000_000})
	listening := httptest.NewServer(server)
	defer listening.Close()

	start := time.Now()
	_, got := get(t, listening.URL+"/large")
	assert.Equal(t, content, got)
	assert.InDelta(t, 300, time.Since(start).Milliseconds(), 200)
}

func TestASlowDownloadEndsWithItsClient(t *testing.T) {
	server, url := serve(t)
	server.SetFaults(download.Faults{BytesPerSecond: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/k0s-v1.36.3+k0s.2-amd64", nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	_, err = io.ReadAll(response.Body)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func serve(t *testing.T) (*download.Server, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "k0s")
	require.NoError(t, os.WriteFile(file, []byte("the program"), 0o600))
	server := download.NewServer(map[string]string{download.FileName("v1.36.3+k0s.2", "amd64"): file})
	listening := httptest.NewServer(server)
	t.Cleanup(listening.Close)
	return server, listening.URL
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(content)
}
