package check

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// Code is what there is in the sources of what files in deploy/ can name.
type Code struct {
	metrics  map[string]map[string]bool // labels, by name
	settings map[string]map[string]bool // programs that read a setting; "" for all
	secret   map[string]bool            // settings that are secrets
	programs map[string]bool
	events   map[string]bool // order.v1.OrderPlaced
	words    map[string]bool // every string
}

// ReadCode reads the sources below the root of the repository. Names of metrics are literals there, or the first argument
// of a small function in the same file that makes one.
func ReadCode(root string) (*Code, error) {
	c := &Code{
		metrics:  map[string]map[string]bool{},
		settings: map[string]map[string]bool{}, secret: map[string]bool{},
		programs: map[string]bool{}, events: map[string]bool{}, words: map[string]bool{},
	}
	// What Prometheus says of a target, and the collectors of its Go library that the host registers.
	for _, name := range []string{"up", "process_resident_memory_bytes", "process_cpu_seconds_total", "go_goroutines"} {
		c.metrics[name] = map[string]bool{}
	}
	for _, top := range []string{"pkg", "services"} {
		if err := c.sources(root, top); err != nil {
			return nil, fmt.Errorf("read the sources: %w", err)
		}
	}
	mains, err := filepath.Glob(filepath.Join(root, "services", "*", "cmd", "*", "main.go"))
	for _, m := range mains {
		c.programs[filepath.Base(filepath.Dir(m))] = true
	}
	return c, errors.Join(err, c.contract(filepath.Join(root, "proto", "orderflow")))
}

func (c *Code) sources(root, top string) error {
	return filepath.WalkDir(filepath.Join(root, top), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, ".pb.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		within, err := filepath.Rel(filepath.Join(root, top), path)
		if err != nil {
			return err
		}
		program := ""
		if top == "services" {
			program, _, _ = strings.Cut(filepath.ToSlash(within), "/")
		}
		c.file(file, program)
		return nil
	})
}

func (c *Code) file(file *ast.File, program string) {
	constant, makers := constLabels(file), makers(file)
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			c.setting(n, program)
		case *ast.BasicLit:
			if s, ok := literal(n); ok {
				c.words[s] = true
			}
		case *ast.CallExpr:
			c.made(n, constant, makers)
		}
		return true
	})
}

func (c *Code) setting(field *ast.Field, program string) {
	if field.Tag == nil {
		return
	}
	text, _ := literal(field.Tag)
	tag := reflect.StructTag(text)
	name, _, _ := strings.Cut(tag.Get("env"), ",")
	if name == "" {
		return
	}
	if c.settings[name] == nil {
		c.settings[name] = map[string]bool{}
	}
	c.settings[name][program] = true
	c.secret[name] = c.secret[name] || tag.Get("secret") == "true" || strings.HasSuffix(name, "_URL") && strings.Contains(tag.Get("desc"), "user:password")
}

// label tells labels from texts that say what a metric is.
var label = regexp.MustCompile(`^[a-z_]+$`)

// made takes note of a metric, if the call makes one: of options and labels, or by a maker.
func (c *Code) made(call *ast.CallExpr, constant map[string]bool, makers map[string]string) {
	if len(call.Args) == 0 {
		return
	}
	labels := map[string]bool{}
	for _, arg := range call.Args[1:] {
		ast.Inspect(arg, func(n ast.Node) bool {
			if l, ok := literalOf(n); ok && label.MatchString(l) {
				labels[l] = true
			}
			_, function := n.(*ast.FuncLit)
			return !function
		})
	}
	if f, ok := call.Fun.(*ast.Ident); ok && makers[f.Name] != "" {
		if name, ok := literalOf(call.Args[0]); ok {
			for l := range constant {
				labels[l] = true
			}
			c.metrics[makers[f.Name]+name] = labels
		}
		return
	}
	o, ok := optionsOf(call.Args[0])
	if !ok || o.name == "" {
		return
	}
	if o.constant {
		for l := range constant {
			labels[l] = true
		}
	}
	names := []string{o.namespace + o.name}
	if o.kind == "HistogramOpts" {
		labels["le"] = true
		names = []string{names[0] + "_bucket", names[0] + "_count", names[0] + "_sum"}
	}
	for _, name := range names {
		c.metrics[name] = labels
	}
}

type options struct {
	kind, namespace, name string
	constant              bool // has ConstLabels
}

// optionsOf reads prometheus.CounterOpts{…} and its like.
func optionsOf(n ast.Node) (options, bool) {
	composite, ok := n.(*ast.CompositeLit)
	if !ok {
		return options{}, false
	}
	kind, ok := composite.Type.(*ast.SelectorExpr)
	if !ok || !strings.HasSuffix(kind.Sel.Name, "Opts") {
		return options{}, false
	}
	if in, ok := kind.X.(*ast.Ident); !ok || in.Name != "prometheus" {
		return options{}, false
	}
	o := options{kind: kind.Sel.Name}
	for _, e := range composite.Elts {
		pair, ok := e.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		key, _ := pair.Key.(*ast.Ident)
		value, _ := literalOf(pair.Value)
		switch key.Name {
		case "Namespace":
			o.namespace = value + "_"
		case "Name":
			o.name = value
		case "ConstLabels":
			o.constant = true
		}
	}
	return o, true
}

// makers are functions in variables that make a metric of the name that they are given: their namespaces, by variable.
func makers(file *ast.File) map[string]string {
	found := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		assign, ok := n.(*ast.AssignStmt)
		if !ok || len(assign.Lhs) != 1 {
			return true
		}
		variable, named := assign.Lhs[0].(*ast.Ident)
		function, ok := assign.Rhs[0].(*ast.FuncLit)
		if !named || !ok {
			return true
		}
		ast.Inspect(function, func(n ast.Node) bool {
			if o, ok := optionsOf(n); ok && o.name == "" {
				found[variable.Name] = o.namespace
			}
			return true
		})
		return true
	})
	return found
}

// constLabels are the keys of every prometheus.Labels in a file.
func constLabels(file *ast.File) map[string]bool {
	found := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		composite, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		if kind, ok := composite.Type.(*ast.SelectorExpr); !ok || kind.Sel.Name != "Labels" {
			return true
		}
		for _, e := range composite.Elts {
			if pair, ok := e.(*ast.KeyValueExpr); ok {
				if l, ok := literalOf(pair.Key); ok {
					found[l] = true
				}
			}
		}
		return true
	})
	return found
}

func literalOf(n ast.Node) (string, bool) {
	if l, ok := n.(*ast.BasicLit); ok {
		return literal(l)
	}
	return "", false
}

func literal(l *ast.BasicLit) (string, bool) {
	if l.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(l.Value)
	return s, err == nil
}

var message = regexp.MustCompile(`(?m)^message (\w+)`)

// contract reads which events there are.
func (c *Code) contract(folder string) error {
	files, err := filepath.Glob(filepath.Join(folder, "*", "v1", "events.proto"))
	if err != nil || len(files) == 0 {
		return errors.Join(err, errors.New("there is no contract in "+folder))
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		category := filepath.Base(filepath.Dir(filepath.Dir(path)))
		for _, m := range message.FindAllStringSubmatch(string(text), -1) {
			c.events[category+".v1."+m[1]] = true
		}
	}
	return nil
}
