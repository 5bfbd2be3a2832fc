// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
)

// digest is of components and of an image archive, unless there is none.
func digest(components []byte, archive string) (string, error) {
	h := sha256.New()
	h.Write(components)
	if archive != "" {
		file, err := os.Open(archive)
		if err != nil {
			return "", fmt.Errorf("opening image: %w", err)
		}
		defer file.Close()
		if _, err := io.Copy(h, file); err != nil {
			return "", fmt.Errorf("reading image: %w", err)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
