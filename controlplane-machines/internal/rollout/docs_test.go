// SPDX-License-Identifier: Apache-2.0

package rollout_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/rollout"
)

// whatToDoPage says what people do about everything that they may be told.
const whatToDoPage = "../../docs/what-to-do.md"

// TestDocsSayWhatToDo: the page has a row for every reason for which a pass waits or a Machine is held, and for every
// condition, and names every reason of a condition.
func TestDocsSayWhatToDo(t *testing.T) {
	t.Parallel()
	const conditions = "Conditions of a K0sControlPlane"
	for _, reason := range rollout.WaitReasons() {
		assertRow(t, "No Machine is made or removed", reason)
	}
	for _, reason := range constants(t, "../k0snode/leave.go", regexp.MustCompile(`^(Waiting|Escape|Hook|Leave|Member)`)) {
		assertRow(t, "A Machine that leaves", reason)
	}
	for _, reason := range constants(t, "../observation/health.go", regexp.MustCompile(`Reason$`)) {
		assertRow(t, "Conditions of a Machine", reason)
	}
	api := "../../api/v1beta2/conditions.go"
	for _, condition := range constants(t, api, regexp.MustCompile(`Condition$`)) {
		assertRow(t, conditions, condition)
	}
	for _, reason := range constants(t, api, regexp.MustCompile(`Reason$`)) {
		assert.Contains(t, section(t, conditions), "`"+reason+"`")
	}
}

// assertRow wants a row of the section's table whose first cell names it.
func assertRow(t *testing.T, heading, name string) {
	t.Helper()
	row := regexp.MustCompile("(?m)^\\| [^|]*`" + regexp.QuoteMeta(name) + "`[^|]*\\|")
	assert.Regexp(t, row, section(t, heading), "%s is not in the table of %q", name, heading)
}

// section is what stands under a heading of the page.
func section(t *testing.T, heading string) string {
	t.Helper()
	content, err := os.ReadFile(whatToDoPage)
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(content), "\n## "+heading+"\n")
	require.True(t, found, "%s has no section %q", whatToDoPage, heading)
	text, _, _ := strings.Cut(rest, "\n## ")
	return text
}

// constants are the values of the untyped constants of a file whose names match. Those that Cluster API defines are called
// like their values, with the kind of thing behind.
func constants(t *testing.T, path string, names *regexp.Regexp) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	require.NoError(t, err)
	var values []string
	ast.Inspect(file, func(node ast.Node) bool {
		spec, is := node.(*ast.ValueSpec)
		if !is || spec.Type != nil || len(spec.Values) != 1 || !names.MatchString(spec.Names[0].Name) {
			return true
		}
		switch value := spec.Values[0].(type) {
		case *ast.BasicLit:
			text, err := strconv.Unquote(value.Value)
			require.NoError(t, err)
			values = append(values, text)
		case *ast.SelectorExpr:
			name := strings.TrimSuffix(spec.Names[0].Name, "Reason")
			values = append(values, strings.TrimSuffix(name, "Condition"))
		}
		return true
	})
	require.NotEmpty(t, values, path)
	return values
}
