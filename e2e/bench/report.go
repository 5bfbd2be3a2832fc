// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// Limits that hold with a real k0s.
const (
	mostRatio  = 1.5
	mostWrites = 30
	mostReads  = 30
)

// limits are what may not be exceeded: hosted by raw, and requests of the manager. A ratio of 0 is no limit.
type limits struct {
	ratio         float64
	writes, reads int
}

// report is what a person gets to see. The first of the runs warmed up and counts for nothing.
type report struct {
	runs   []result
	limits limits
}

func (r report) print(out io.Writer) error {
	if err := errors.Join(r.printRuns(out), r.printStages(out)); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if r.limits.ratio == 0 {
		fmt.Fprintf(out, "\nThe ratio is not held against its limit of %.1f: this is the lab's stand-in for k0s, not k0s.\n",
			mostRatio)
	}
	exceeded := r.exceeded()
	if exceeded == nil {
		fmt.Fprintln(out, "\nAll limits hold.")
	}
	return exceeded
}

func (r report) counted() []result { return r.runs[1:] }

func (r report) raw() time.Duration {
	return median(r.counted(), func(run result) time.Duration { return run.raw })
}

func (r report) hosted() time.Duration {
	return median(r.counted(), func(run result) time.Duration { return run.hosted.took })
}

// exceeded names the limits that do not hold.
func (r report) exceeded() error {
	var problems []error
	if ratio := r.hosted().Seconds() / r.raw().Seconds(); r.limits.ratio > 0 && ratio > r.limits.ratio {
		problems = append(problems, fmt.Errorf("hosted takes %.2f × raw, at most %.1f × is allowed", ratio, r.limits.ratio))
	}
	for _, run := range r.counted() {
		if run.hosted.writes > r.limits.writes {
			problems = append(problems,
				fmt.Errorf("%s: the manager wrote %d times, at most %d", run.name, run.hosted.writes, r.limits.writes))
		}
		if run.hosted.reads > r.limits.reads {
			problems = append(problems,
				fmt.Errorf("%s: the manager read %d times, at most %d", run.name, run.hosted.reads, r.limits.reads))
		}
	}
	return errors.Join(problems...)
}

func (r report) printRuns(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\nseconds\traw\thosted\tratio\tmanager writes\treads\t")
	for i, run := range r.runs {
		note := ""
		if i == 0 {
			note = " does not count"
		}
		fmt.Fprintf(table, "%s\t%.1f\t%.1f\t%.2f\t%d\t%d\t%s\n", run.name, run.raw.Seconds(), run.hosted.took.Seconds(),
			run.hosted.took.Seconds()/run.raw.Seconds(), run.hosted.writes, run.hosted.reads, note)
	}
	raw, hosted := r.raw().Seconds(), r.hosted().Seconds()
	fmt.Fprintf(table, "median\t%.1f\t%.1f\t%.2f\t\t\t\n", raw, hosted, hosted/raw)
	fmt.Fprintf(table, "limit\t\t\t%.2f\t%d\t%d\t\n", mostRatio, r.limits.writes, r.limits.reads)
	return table.Flush()
}

// printStages tells when a hosted control plane got how far.
func (r report) printStages(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(table, "\nseconds after the Cluster was accepted")
	for _, run := range r.counted() {
		fmt.Fprintf(table, "\t%s", run.name)
	}
	fmt.Fprintln(table, "\tmedian")
	for i, stage := range r.runs[0].hosted.stages {
		fmt.Fprint(table, stage.name)
		for _, run := range r.counted() {
			fmt.Fprint(table, "\t", cell(run.hosted.stages[i].after))
		}
		middle := median(r.counted(), func(run result) time.Duration { return run.hosted.stages[i].after })
		fmt.Fprintln(table, "\t"+cell(middle))
	}
	return table.Flush()
}

func cell(after time.Duration) string {
	if after < 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f", after.Seconds())
}

// median is the middle one of a value of all results, the mean of the two in the middle of an even number.
func median(results []result, of func(result) time.Duration) time.Duration {
	all := make([]time.Duration, 0, len(results))
	for _, r := range results {
		all = append(all, of(r))
	}
	slices.Sort(all)
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}
