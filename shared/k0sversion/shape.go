// SPDX-License-Identifier: Apache-2.0

package k0sversion

import (
	"fmt"
	"strings"
)

// checkShape refuses what is not one of our three forms. The frequent mistakes
// are named with the form that was meant.
func checkShape(text string) error {
	if shape.MatchString(text) {
		return nil
	}
	for _, repair := range []func(string) string{plusForDash, leadingV, leadingVAndPlus} {
		if meant := repair(text); shape.MatchString(meant) {
			return fmt.Errorf("version %q is not in a known form: write %s", text, meant)
		}
	}
	return fmt.Errorf(
		"version %q is not in a known form: write vX.Y.Z, vX.Y.Z+k0s or vX.Y.Z+k0s.N, such as v1.36.3+k0s.2",
		text,
	)
}

// plusForDash repairs the form of image tags, v1.36.3-k0s.2. CAPI would order
// it as a pre-release of v1.36.3.
func plusForDash(text string) string { return strings.Replace(text, "-k0s", "+k0s", 1) }

// leadingV repairs 1.36.3.
func leadingV(text string) string { return "v" + text }

func leadingVAndPlus(text string) string { return leadingV(plusForDash(text)) }
