package host

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"strings"
)

// FileEnding is what the name of a secret's setting ends in that names a file with the secret instead of holding it, as
// Docker and Kubernetes hand secrets over.
const FileEnding = "_FILE"

// FileWatcher is a config that looks after the files of its secrets by itself, because it reads them again while it runs.
type FileWatcher interface{ WatchesFiles() }

// Secret is a setting, or what the file holds now that the setting's name with _FILE after it names. Several lines are
// several secrets: commas stand between them. It is empty if neither is set. No error repeats any of it.
func Secret(environ map[string]string, name string) (string, error) {
	value, path := environ[name], environ[name+FileEnding]
	switch {
	case path == "":
		return value, nil
	case value != "":
		return "", fmt.Errorf("%s and %s%s are both set: one of them", name, name, FileEnding)
	}
	lines, err := SecretLines(path)
	if err != nil {
		return "", fmt.Errorf("%s%s: %w", name, FileEnding, err)
	}
	return strings.Join(lines, ","), nil
}

// largestSecret is more than any number of secrets that are active at once.
const largestSecret = 64 << 10

// SecretLines are the secrets in a file, one a line. Blank lines count for nothing. The error does not name the file: its
// setting does.
func SecretLines(path string) ([]string, error) {
	if path == "" {
		return nil, errors.New("it names no file")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, unreadable(err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, largestSecret+1))
	switch {
	case err != nil:
		return nil, unreadable(err)
	case len(data) > largestSecret:
		return nil, errors.New("it is larger than 64 KiB")
	}
	var lines []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return nil, errors.New("the file holds no secret")
	}
	return lines, nil
}

// unreadable is why a file cannot be read, without its path.
func unreadable(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return fmt.Errorf("the file cannot be read: %w", at.Err)
	}
	return err
}

// withFiles is the environment with the secrets of a config in it that stand in files.
func withFiles(environ map[string]string, config any) (map[string]string, error) {
	if _, watches := config.(FileWatcher); watches {
		return environ, nil
	}
	environ = maps.Clone(environ)
	var errs []error
	for f := range fields(reflect.TypeOf(config).Elem()) {
		if !secret(f) {
			continue
		}
		value, err := Secret(environ, name(f))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		environ[name(f)] = value
	}
	return environ, errors.Join(errs...)
}

func secret(f reflect.StructField) bool { return f.Tag.Get("secret") == "true" }
