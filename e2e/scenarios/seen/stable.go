// SPDX-License-Identifier: Apache-2.0

package seen

import (
	"regexp"
	"strings"
)

// cluster is the name of the cluster in the lab; on the page it is demo. It is as long, so that nothing shifts, and occurs
// in no other word.
const cluster = "d3m0"

// What differs from run to run, from machine to machine or with the k0s that the lab uses, and what stands for it on the
// page. Each is as wide as what it replaces, where that has always the same width; tables are drawn anew.
var unstable = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`\b` + cluster + `\b`), "demo"},
	{regexp.MustCompile(`demo-workers-[a-z0-9]{5}-[a-z0-9]{5}`), "demo-workers-x7k2p-9qd4m"},
	{regexp.MustCompile(`demo-workers-[a-z0-9]{5}\b`), "demo-workers-x7k2p"},
	{regexp.MustCompile(`\b(machine-template-hash[=:] *)\d+-[a-z0-9]{5}\b`), "${1}1234567890-x7k2p"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`), "2026-01-01T00:00:00Z"},
	{
		regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`),
		"00000000-0000-4000-8000-000000000000",
	},
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), strings.Repeat("0", 64)},
	{regexp.MustCompile(`\b10\.211\.0\.2\d\d\b`), "10.211.0.200"},
	{regexp.MustCompile(`\b10\.211\.0\.[2-9]\d\b`), "10.211.0.20"},
	{regexp.MustCompile(`(?m)^( *Arch(?:itecture)?: +)(?:amd64|arm64)$`), "${1}amd64"},
	{regexp.MustCompile(`(Resource Version: +)\d+`), "${1}1000"},
	{
		regexp.MustCompile(`((?:Machine ID|Boot ID|System UUID|Kernel Version|Container Runtime Version): +).*`),
		"${1}…",
	},
	{regexp.MustCompile(`(?m) +$`), ""},
}

// Stable is text as kubectl prints it, with what differs from run to run made equal.
func Stable(text string) string {
	for _, u := range unstable {
		text = u.pattern.ReplaceAllString(text, u.with)
	}
	return strings.TrimSpace(text)
}

var generation = regexp.MustCompile(`(?m)^(  Generation: +)(\d+)$`)

// StableObject is what kubectl describes of one object. How often its spec was written before it was complete is a matter
// of chance; that what was observed is the last of it is not, so both get the same number, and another one stays.
func StableObject(text string) string {
	text = Stable(text)
	found := generation.FindStringSubmatch(text)
	if found == nil {
		return text
	}
	observed := regexp.MustCompile(`(?m)((?:Observed )?Generation: +)` + found[2] + `$`)
	return observed.ReplaceAllString(text, "${1}2")
}
