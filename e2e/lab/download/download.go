// SPDX-License-Identifier: Apache-2.0

// Package download serves k0s to the lab's machines over HTTP, as a mirror inside a company would, and on request
// badly: tests make it fail, or so slow that there is time to cut a machine's power.
package download

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Checksums is the name of the list of all files and their SHA-256, as k0s publishes it beside its releases.
const Checksums = "sha256sums.txt"

// FileName is the name under which the server offers a version of k0s: k0s-v1.36.3+k0s.2-amd64.
func FileName(version, arch string) string {
	return "k0s-" + version + "-" + arch
}

// Sum is the SHA-256 of a file, in hexadecimal.
func Sum(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("hashing a download: %w", err)
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", fmt.Errorf("hashing a download: %w", err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// Faults is what goes wrong with downloads.
type Faults struct {
	// FailNext requests for files are answered with 503.
	FailNext int `json:"failNext,omitempty"`
	// BytesPerSecond limits every download; 0 is no limit.
	BytesPerSecond int `json:"bytesPerSecond,omitempty"`
}

// Server offers files by name. It is an http.Handler.
type Server struct {
	mu     sync.Mutex
	files  map[string]string
	faults Faults
	served map[string]int
}

// NewServer offers files, a map from name to path on this host.
func NewServer(files map[string]string) *Server {
	return &Server{files: files, served: map[string]int{}}
}

// SetFaults replaces what goes wrong.
func (s *Server) SetFaults(faults Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = faults
}

// Served counts the requests answered with the whole file, or with a failure.
func (s *Server) Served() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.served)
}

// ServeHTTP answers GET /<name>. The plus sign in a version may come as it is or encoded.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	if name == Checksums {
		s.serveChecksums(w)
		return
	}
	path, exists := s.files[name]
	if !exists {
		http.NotFound(w, r)
		return
	}
	faults := s.next(name)
	if faults.FailNext > 0 {
		http.Error(w, "this is a drill", http.StatusServiceUnavailable)
		return
	}
	http.ServeFile(throttle(r.Context(), w, faults.BytesPerSecond), r, path)
}

// next returns the faults of this request and counts down for those that follow.
func (s *Server) next(name string) Faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.served[name]++
	now := s.faults
	s.faults.FailNext = max(0, s.faults.FailNext-1)
	return now
}

func (s *Server) serveChecksums(w http.ResponseWriter) {
	names := make([]string, 0, len(s.files))
	for name := range s.files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		sum, err := Sum(s.files[name])
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(w, "%s *%s\n", sum, filepath.Base(name))
	}
}

// slowWriter rests a tenth of a second whenever it has written a tenth of what a second allows.
type slowWriter struct {
	http.ResponseWriter

	done  <-chan struct{}
	tenth int
	left  int
}

func throttle(ctx context.Context, w http.ResponseWriter, bytesPerSecond int) http.ResponseWriter {
	if bytesPerSecond <= 0 {
		return w
	}
	tenth := max(1, bytesPerSecond/10)
	return &slowWriter{ResponseWriter: w, done: ctx.Done(), tenth: tenth, left: tenth}
}

// Write gives up when the client has gone.
func (w *slowWriter) Write(content []byte) (int, error) {
	written := 0
	for written < len(content) {
		n, err := w.ResponseWriter.Write(content[written:min(written+w.left, len(content))])
		written += n
		w.left -= n
		if err != nil {
			return written, err
		}
		if w.left > 0 {
			continue
		}
		if err := w.rest(); err != nil {
			return written, err
		}
	}
	return written, nil
}

func (w *slowWriter) rest() error {
	w.left = w.tenth
	if flusher, ok := w.ResponseWriter.(http.Flusher); ok {
		flusher.Flush()
	}
	select {
	case <-w.done:
		return io.ErrClosedPipe
	case <-time.After(100 * time.Millisecond):
		return nil
	}
}
