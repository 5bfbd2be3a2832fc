// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// The budgets. Functions are measured by the lines inside their braces.
const (
	maxMedian   = 10
	maxP90      = 30
	maxFunction = 60
	maxFile     = 400
	minRatio    = 1.3
	maxNolint   = 20
)

// measure is what one module amounts to.
type measure struct {
	module string
	// functions are the lengths of all functions of production code.
	functions []int
	// code and tests are lines that are neither blank nor comment alone.
	code, tests int
	nolint      int
	violations  []string
}

func checkBudgets(ctx context.Context, root string, out io.Writer) ([]string, error) {
	files, err := tracked(ctx, root)
	if err != nil {
		return nil, err
	}
	var violations []string
	nolint := 0
	fmt.Fprintf(out, "     %-24s %9s %6s %4s %4s %7s %7s %6s %7s\n",
		"module", "functions", "median", "p90", "max", "code", "tests", "ratio", "nolint")
	for _, module := range modules() {
		m, err := measureModule(root, module, files)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(out, "     %-24s %9d %6d %4d %4d %7d %7d %6.2f %7d\n", module, len(m.functions),
			m.percentile(50), m.percentile(90), m.percentile(100), m.code, m.tests, m.ratio(), m.nolint)
		violations = append(violations, m.judge()...)
		nolint += m.nolint
	}
	if nolint > maxNolint {
		violations = append(violations, fmt.Sprintf("%d nolint comments, at most %d", nolint, maxNolint))
	}
	return violations, nil
}

func measureModule(root, module string, files []string) (measure, error) {
	m := measure{module: module}
	for _, name := range files {
		if !isGo(name) || !strings.HasPrefix(name, module+"/") || isOtherModule(name) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return m, fmt.Errorf("reading source: %w", err)
		}
		if isGenerated(content) {
			continue
		}
		if err := m.add(name, content); err != nil {
			return m, err
		}
	}
	return m, nil
}

// isOtherModule tells whether the file belongs to a program that is built from a module of its own.
func isOtherModule(name string) bool {
	return strings.HasPrefix(name, "e2e/lab/binaries/") || strings.Contains(name, "/testdata/")
}

var nolintMark = regexp.MustCompile(`//\s*nolint`)

func (m *measure) add(name string, content []byte) error {
	if lines := bytes.Count(content, []byte("\n")); lines > maxFile {
		m.violations = append(m.violations, fmt.Sprintf("%s: %d lines, at most %d", name, lines, maxFile))
	}
	m.nolint += len(nolintMark.FindAll(content, -1))
	if isTest(name) || forTests(filepath.ToSlash(filepath.Dir(name))) {
		m.tests += countCode(content)
		return nil
	}
	m.code += countCode(content)
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, content, parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("parsing source: %w", err)
	}
	for _, declaration := range file.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok || function.Body == nil {
			continue
		}
		length := bodyLines(set, function.Body)
		m.functions = append(m.functions, length)
		if length > maxFunction {
			m.violations = append(m.violations,
				fmt.Sprintf("%s: %s has %d lines, at most %d", name, function.Name.Name, length, maxFunction))
		}
	}
	return nil
}

func bodyLines(set *token.FileSet, body *ast.BlockStmt) int {
	return max(1, set.Position(body.Rbrace).Line-set.Position(body.Lbrace).Line-1)
}

// countCode counts the lines that are neither blank nor a line comment alone.
func countCode(content []byte) int {
	lines := 0
	for line := range bytes.Lines(content) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && !bytes.HasPrefix(line, []byte("//")) {
			lines++
		}
	}
	return lines
}

func (m *measure) judge() []string {
	violations := m.violations
	if median := m.percentile(50); median > maxMedian {
		violations = append(violations,
			fmt.Sprintf("%s: median function has %d lines, at most %d", m.module, median, maxMedian))
	}
	if p90 := m.percentile(90); p90 > maxP90 {
		violations = append(violations,
			fmt.Sprintf("%s: 90th percentile of functions is %d lines, at most %d", m.module, p90, maxP90))
	}
	// The end-to-end module is a test itself.
	if m.module != "e2e" && m.code > 0 && m.ratio() < minRatio {
		violations = append(violations, fmt.Sprintf("%s: %.2f lines of tests per line of code, at least %.1f",
			m.module, m.ratio(), minRatio))
	}
	return violations
}

// percentile is the smallest length that the given share of functions does not exceed.
func (m *measure) percentile(share int) int {
	if len(m.functions) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(m.functions))
	return sorted[max(0, (len(sorted)*share+99)/100-1)]
}

func (m *measure) ratio() float64 {
	if m.code == 0 {
		return 0
	}
	return float64(m.tests) / float64(m.code)
}
