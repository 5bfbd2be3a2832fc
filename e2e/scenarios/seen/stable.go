// SPDX-License-Identifier: Apache-2.0

package seen

import (
	"regexp"
	"strings"
)

// What differs from run to run, and what stands for it on the page. Columns keep their width where they can.
var unstable = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`demo-workers-[a-z0-9]{5}-[a-z0-9]{5}`), "demo-workers-x7k2p-9qd4m"},
	{regexp.MustCompile(`demo-workers-[a-z0-9]{5}\b`), "demo-workers-x7k2p"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`), "2026-01-01T00:00:00Z"},
	{
		regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`),
		"00000000-0000-4000-8000-000000000000",
	},
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), strings.Repeat("0", 64)},
	{regexp.MustCompile(`\b10\.211\.0\.2\d\d\b`), "10.211.0.200"},
	{regexp.MustCompile(`\b10\.211\.0\.[2-9]\d\b`), "10.211.0.20"},
	{regexp.MustCompile(`(?m)( +)\d+[smh](\d+s)?( |$)`), "${1}2m$3"},
	{regexp.MustCompile(`(Resource Version: +)\d+`), "${1}1000"},
	{regexp.MustCompile(`(Machine ID: +|Boot ID: +|System UUID: +|Kernel Version: +).*`), "${1}…"},
	{regexp.MustCompile(`(?m) +$`), ""},
}

// Stable is text as kubectl prints it, with what differs from run to run made equal.
func Stable(text string) string {
	for _, u := range unstable {
		text = u.pattern.ReplaceAllString(text, u.with)
	}
	return strings.TrimSpace(text)
}
