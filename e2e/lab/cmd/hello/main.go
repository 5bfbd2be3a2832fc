// SPDX-License-Identifier: Apache-2.0

// Command hello is what the demo runs on the new cluster: it says where it runs, then waits to be stopped.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	fmt.Printf("hello from pod %s on node %s\n", os.Getenv("POD_NAME"), os.Getenv("NODE_NAME"))
	<-stop
}
