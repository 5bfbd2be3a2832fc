// SPDX-License-Identifier: Apache-2.0

// Command image writes an image archive from files on this machine, onto an empty base.
//
//	image -output manager.tar -name ghcr.io/k0smotron/k0smotron-bootstrap:v0.1.0 -user 65532:65532 \
//	  -file /manager=bin/manager -entrypoint /manager
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/k0smotron/k0smotron/e2e/image"
)

func main() {
	if err := run(os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(arguments []string, messages io.Writer) error {
	var img image.Image
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	flags.SetOutput(messages)
	output := flags.String("output", "", "archive to write")
	flags.StringVar(&img.Name, "name", "", "full reference of the image, with registry and tag")
	flags.StringVar(&img.User, "user", "", "user, uid or uid:gid the program runs as")
	flags.StringVar(&img.WorkingDir, "workdir", "", "directory the program starts in")
	flags.StringVar(
		&img.Architecture,
		"arch",
		"",
		"machine type of the binaries, in Go's names (default: this machine's)",
	)
	flags.StringVar((*string)(&img.Compression), "compression", "", "gzip, or empty for none")
	flags.Func("file", "path in the image=file or directory here; may be repeated", func(value string) error {
		path, source, found := strings.Cut(value, "=")
		if !found {
			return errors.New("want path=source")
		}
		img.Files = append(img.Files, image.File{Path: path, Source: source})
		return nil
	})
	flags.Func("entrypoint", "the program, then its fixed arguments; may be repeated", appendTo(&img.Entrypoint))
	flags.Func("cmd", "default argument; may be repeated", appendTo(&img.Cmd))
	flags.Func("env", "KEY=VALUE; may be repeated", appendTo(&img.Env))
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if *output == "" {
		return errors.New("-output is not set")
	}
	return image.Write(*output, img)
}

func appendTo(list *[]string) func(string) error {
	return func(value string) error {
		*list = append(*list, value)
		return nil
	}
}
