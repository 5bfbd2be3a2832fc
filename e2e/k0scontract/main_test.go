// SPDX-License-Identifier: Apache-2.0

//go:build k0scontract

package k0scontract

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

var casesRun = map[Case]bool{}

// TestMain fails a whole run in which a case was not run.
func TestMain(m *testing.M) {
	code := m.Run()
	if filter := flag.Lookup("test.run").Value.String(); filter == "" && code == 0 {
		for _, rule := range rules() {
			if !casesRun[rule.cases] {
				fmt.Printf("FAIL: no test ran the case %q\n", rule.cases)
				code = 1
			}
		}
	}
	os.Exit(code)
}

func ran(name Case) { casesRun[name] = true }

func runCase(t *testing.T, name Case, test func(*testing.T)) {
	t.Helper()
	ran(name)
	t.Run(string(name), test)
}
