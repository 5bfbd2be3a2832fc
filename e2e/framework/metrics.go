// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	sampleLine = regexp.MustCompile(`(?m)^(\w+)\{([^}]*)\} ([0-9.e+]+)$`)
	labelPair  = regexp.MustCompile(`(\w+)="([^"]*)"`)
)

// progressOf is how far a controller is: how many passes went well, and how many objects wait or are being worked on.
type progressOf struct{ passes, open float64 }

// reconciled is an error while, by the metrics of a manager, one of its controllers has not looked at all that there was
// when it started: then objects wait in its queue, or no pass has ended well yet.
func reconciled(metrics string) error {
	controllers := controllersOf(metrics)
	if len(controllers) == 0 {
		return errors.New("no controller has started")
	}
	var busy []string
	for _, name := range slices.Sorted(maps.Keys(controllers)) {
		if c := controllers[name]; c.passes == 0 || c.open > 0 {
			busy = append(busy, fmt.Sprintf("%s: %.0f passes, %.0f objects wait", name, c.passes, c.open))
		}
	}
	if len(busy) > 0 {
		return fmt.Errorf("controllers are at work: %s", strings.Join(busy, "; "))
	}
	return nil
}

func controllersOf(metrics string) map[string]progressOf {
	controllers := map[string]progressOf{}
	for _, sample := range sampleLine.FindAllStringSubmatch(metrics, -1) {
		value, err := strconv.ParseFloat(sample[3], 64)
		if err != nil {
			continue // Not a number that these metrics have.
		}
		labels := map[string]string{}
		for _, pair := range labelPair.FindAllStringSubmatch(sample[2], -1) {
			labels[pair[1]] = pair[2]
		}
		c := controllers[labels["controller"]]
		switch sample[1] {
		case "controller_runtime_reconcile_total":
			if labels["result"] != "error" {
				c.passes += value
			}
		case "workqueue_depth", "controller_runtime_active_workers":
			c.open += value
		default:
			continue
		}
		controllers[labels["controller"]] = c
	}
	return controllers
}
