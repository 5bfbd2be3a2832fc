// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package scenarios

import "errors"

// wanted is an error with the message unless what is wanted holds.
func wanted(holds bool, message string) error {
	if holds {
		return nil
	}
	return errors.New(message)
}
