// SPDX-License-Identifier: Apache-2.0

package seen

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// gap is what kubectl leaves between columns.
const gap = 3

var (
	heading = regexp.MustCompile(`\S+(?: \S+)*`)
	age     = regexp.MustCompile(`^(?:\d+[ydhms])+$`)
)

// StableTables is what kubectl prints of several objects, one table for each kind, with what differs from run to run made
// equal: also the width of columns, which is that of their widest cell.
func StableTables(text string) string {
	var tables []string
	for table := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		tables = append(tables, draw(cells(strings.Split(table, "\n"))))
	}
	return strings.Join(tables, "\n\n")
}

// cells reads the cells of a table's lines, of which the first is the headings: a cell begins where its heading does.
func cells(lines []string) [][]string {
	columns := heading.FindAllStringIndex(lines[0], -1)
	rows := make([][]string, len(lines))
	for i, line := range lines {
		for j, column := range columns {
			end := len(line)
			if j+1 < len(columns) {
				end = min(end, columns[j+1][0])
			}
			cell := strings.TrimSpace(line[min(column[0], end):end])
			if i > 0 && rows[0][j] == "AGE" && age.MatchString(cell) {
				cell = "2m"
			}
			rows[i] = append(rows[i], Stable(cell))
		}
	}
	return rows
}

// draw writes a table as kubectl does.
func draw(rows [][]string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for j, cell := range row {
			widths[j] = max(widths[j], utf8.RuneCountInString(cell)+gap)
		}
	}
	var out strings.Builder
	for _, row := range rows {
		var line strings.Builder
		for j, cell := range row {
			line.WriteString(cell + strings.Repeat(" ", widths[j]-utf8.RuneCountInString(cell)))
		}
		out.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return strings.TrimSuffix(out.String(), "\n")
}
