// SPDX-License-Identifier: Apache-2.0

// Command gates checks the rules of this repository that no linter knows: size budgets over whole modules, the
// direction of imports between and inside modules, licence headers, unfinished marks and the shell scripts.
//
//	gates <root of the repository>
//
// It prints what it measured, then every violation, and fails if there is one.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
)

// A gate measures the repository at root, reports to out, and returns one line per violation.
type gate struct {
	name  string
	check func(ctx context.Context, root string, out io.Writer) ([]string, error)
}

func gates() []gate {
	return []gate{
		{"budgets", checkBudgets},
		{"import direction", checkImports},
		{"licence headers", checkHeaders},
		{"unfinished marks", checkMarks},
		{"markers", checkMarkers},
		{"required siblings", checkSiblings},
		{"shell scripts", checkShell},
	}
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gates <root of the repository>")
		os.Exit(2)
	}
	failed, err := run(context.Background(), os.Args[1], os.Stdout, gates())
	if err != nil {
		fmt.Fprintln(os.Stderr, "gates:", err)
		os.Exit(2)
	}
	if failed {
		os.Exit(1)
	}
}

func run(ctx context.Context, root string, out io.Writer, all []gate) (failed bool, err error) {
	for _, g := range all {
		violations, err := g.check(ctx, root, out)
		if err != nil {
			return true, fmt.Errorf("checking %s: %w", g.name, err)
		}
		if len(violations) == 0 {
			fmt.Fprintf(out, "ok   %s\n", g.name)
			continue
		}
		failed = true
		fmt.Fprintf(out, "FAIL %s\n", g.name)
		for _, v := range violations {
			fmt.Fprintf(out, "     %s\n", v)
		}
	}
	return failed, nil
}
