// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"encoding/json"
	"fmt"
)

// dirOf reads the answer of `go mod download -json`.
func dirOf(answer string) (string, error) {
	var module struct{ Dir string }
	if err := json.Unmarshal([]byte(answer), &module); err != nil {
		return "", fmt.Errorf("reading where a module is: %w", err)
	}
	if module.Dir == "" {
		return "", fmt.Errorf("reading where a module is: no Dir in %q", answer)
	}
	return module.Dir, nil
}
