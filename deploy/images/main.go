// Command images builds an image of every program, with ko and without a Docker engine: static, of nothing but the
// program, for amd64 and arm64, the same bytes each time, each with a list of what is in it (SPDX).
//
// ko wants a base image from a registry, even if nothing is in it. So this serves one, on loopback and only for as long
// as it runs, which holds the empty image. Without --repo the images stay on this machine, as an OCI layout.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
)

// options are what the flags say.
type options struct {
	ko, repo, tag, image, out, platforms, base string
}

func main() {
	var o options
	flag.StringVar(&o.ko, "ko", "ko", "the ko `program`")
	flag.StringVar(&o.repo, "repo", "", "push to this `registry/path`, an image each below it; without it they stay here")
	flag.StringVar(&o.tag, "tag", "latest", "the images' tag")
	flag.StringVar(&o.image, "image", "", "push one program's image under this `name:tag`, instead of --repo and --tag")
	flag.StringVar(&o.out, "out", ".orderflow/images", "`folder` for the lists of contents and the OCI layout")
	flag.StringVar(&o.platforms, "platforms", "linux/amd64,linux/arm64", "for which machines")
	flag.StringVar(&o.base, "base", "127.0.0.1:15927", "loopback `address` of the empty base image: it is part of the images, so another one makes other digests")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "Usage, from the root of the repository:\n  images --ko PROGRAM [--repo registry.example.com/orderflow --tag v1] [FOLDER of a program ...]\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := build(ctx, o, flag.Args())
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "images:", err)
		os.Exit(1)
	}
}

// programs are the folders with a main of ours.
func programs() ([]string, error) {
	mains, err := filepath.Glob("services/*/cmd/*/main.go")
	if err != nil {
		return nil, err
	}
	for i, m := range mains {
		mains[i] = "./" + filepath.ToSlash(filepath.Dir(m))
	}
	if len(mains) == 0 {
		return nil, fmt.Errorf("there is no services/*/cmd: call it from the root of the repository")
	}
	return mains, nil
}

func build(ctx context.Context, o options, folders []string) error {
	if len(folders) == 0 {
		var err error
		if folders, err = programs(); err != nil {
			return err
		}
	}
	base, stop, err := serveBase(ctx, o.base)
	if err != nil {
		return err
	}
	defer stop()
	contents, layout := filepath.Join(o.out, "sbom"), filepath.Join(o.out, "layout")
	for _, old := range []string{contents, layout} {
		if err := os.RemoveAll(old); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(contents, 0o750); err != nil {
		return err
	}
	arguments := []string{
		"build", "--platform", o.platforms, "--sbom-dir", contents, "--image-label", "org.opencontainers.image.title=orderflow",
	}
	repo, named, err := destination(o, len(folders), layout)
	if err != nil {
		return err
	}
	arguments = append(arguments, named...)
	command := exec.CommandContext(ctx, o.ko, slices.Concat(arguments, folders)...)
	command.Env = append(os.Environ(), "KO_DOCKER_REPO="+repo, "KO_DEFAULTBASEIMAGE="+base)
	command.Stdout, command.Stderr = os.Stderr, os.Stderr
	if err := command.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", o.ko, strings.Join(arguments, " "), err)
	}
	return tell(os.Stdout, contents, len(folders))
}

// tell writes a line for each image, with its digest as its list of contents has it. An OCI layout knows no names.
func tell(to io.Writer, contents string, programs int) error {
	lists, err := filepath.Glob(filepath.Join(contents, "*.spdx.json"))
	if err != nil {
		return err
	}
	if len(lists) < programs {
		return fmt.Errorf("%d programs, and %d lists of what is in them", programs, len(lists))
	}
	for _, path := range lists {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var list struct {
			Name string `json:"name"`
		}
		if err := json.Unmarshal(text, &list); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		fmt.Fprintf(to, "%-28s %s\n", strings.TrimSuffix(filepath.Base(path), ".spdx.json"), strings.TrimPrefix(list.Name, "sbom-"))
	}
	return nil
}

// destination is where images go, and what ko is told so that they get there by the right name.
func destination(o options, programs int, layout string) (repo string, arguments []string, err error) {
	if o.image != "" {
		if programs != 1 {
			return "", nil, fmt.Errorf("--image names one image; there are %d programs", programs)
		}
		image, err := name.NewTag(o.image, name.StrictValidation)
		if err != nil {
			return "", nil, fmt.Errorf("--image: %w", err)
		}
		return image.Repository.Name(), []string{"--bare", "--tags", image.TagStr()}, nil
	}
	arguments = []string{"--base-import-paths", "--tags", o.tag}
	if o.repo == "" {
		return "orderflow.local", append(arguments, "--push=false", "--oci-layout-path", layout), nil
	}
	return o.repo, arguments, nil
}

// serveBase serves the empty image and says where.
func serveBase(ctx context.Context, address string) (base string, stop func(), err error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: registry.New(registry.Logger(log.New(io.Discard, "", 0)))}
	go server.Serve(l) //nolint:errcheck // it ends when it is closed
	base = l.Addr().String() + "/nothing"
	if err := pushNothing(base); err != nil {
		_ = server.Close()
		return "", nil, fmt.Errorf("make the empty base image: %w", err)
	}
	return base, func() { _ = server.Close() }, nil
}
