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

// progressOf is how far a controller is: how many objects were given to it, how many passes went well, and how many
// objects wait or are being worked on.
type progressOf struct{ added, passes, open float64 }

// done tells that a controller has looked at all that was given to it. One may have had nothing to look at.
func (p progressOf) done() bool { return p.open == 0 && (p.passes > 0 || p.added == 0) }

// reconciled is an error while, by the metrics and the log of a manager, one of its controllers has not looked at all that
// there was when it started: then its caches are being filled, objects wait in its queue, or no pass has ended well yet.
func reconciled(metrics, log string) error {
	controllers := controllersOf(metrics)
	if len(controllers) == 0 {
		return errors.New("no controller has started")
	}
	var busy []string
	for _, name := range slices.Sorted(maps.Keys(controllers)) {
		switch c := controllers[name]; {
		case !hasWorkers(log, name):
			busy = append(busy, name+": fills its caches")
		case !c.done():
			busy = append(busy, fmt.Sprintf("%s: %.0f passes, %.0f objects wait", name, c.passes, c.open))
		}
	}
	if len(busy) > 0 {
		return fmt.Errorf("controllers are at work: %s", strings.Join(busy, "; "))
	}
	return nil
}

// hasWorkers tells whether a controller's caches are filled: controller-runtime starts workers when every object of them
// is in the queue, and says so in the log alone.
func hasWorkers(log, controller string) bool {
	return strings.Contains(log, `"msg":"Starting workers","controller":"`+controller+`"`)
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
		case "workqueue_adds_total":
			c.added += value
		case "workqueue_depth", "controller_runtime_active_workers":
			c.open += value
		default:
			continue
		}
		controllers[labels["controller"]] = c
	}
	return controllers
}
