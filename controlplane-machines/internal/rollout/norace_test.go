//go:build !race

// SPDX-License-Identifier: Apache-2.0

package rollout_test

// raceDetector tells that everything takes ten times as long.
const raceDetector = false
