package check

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.starlark.net/lib/json"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
	"go.starlark.net/syntax"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// tilted is what a Tiltfile asks Tilt for. Only what ours calls is known; anything else is an error.
type tilted struct {
	rendered [][]byte // of k8s/tilt
	secrets  string   // what stands for deploy/.env
	objects  [][]byte
	images   map[string][]string // by name: the paths that it is built from
	commands []string
	after    map[string][]string // by resource: those that come first
	ports    map[string][]int
}

func evaluate(t *testing.T, rendered [][]byte, tiltfile string) (*tilted, error) {
	t.Helper()
	m := &tilted{
		rendered: rendered, secrets: filepath.Join(t.TempDir(), "env"),
		images: map[string][]string{}, after: map[string][]string{}, ports: map[string][]int{},
	}
	builtins := starlark.StringDict{
		"os": &starlarkstruct.Module{Name: "os", Members: starlark.StringDict{
			"getenv": m.builtin("getenv", m.getenv),
			"path":   &starlarkstruct.Module{Name: "path", Members: starlark.StringDict{"exists": m.builtin("exists", exists)}},
		}},
		"TRIGGER_MODE_MANUAL": starlark.String("manual"),
	}
	for name, do := range map[string]func(*starlark.Thread, starlark.Tuple, []starlark.Tuple) (starlark.Value, error){
		"local": m.local, "kustomize": m.kustomize, "decode_yaml_stream": decodeStream, "encode_yaml_stream": encodeStream,
		"k8s_yaml": m.k8sYAML, "custom_build": m.customBuild, "k8s_resource": m.resource, "local_resource": m.localResource,
		"port_forward": portForward, "default_registry": m.nothing, "read_file": readFile,
	} {
		builtins[name] = m.builtin(name, do)
	}
	options := &syntax.FileOptions{TopLevelControl: true, GlobalReassign: true}
	_, err := starlark.ExecFileOptions(options, &starlark.Thread{Name: "Tiltfile"}, "Tiltfile", tiltfile, builtins)
	return m, err
}

func (m *tilted) builtin(name string, do func(*starlark.Thread, starlark.Tuple, []starlark.Tuple) (starlark.Value, error)) *starlark.Builtin {
	return starlark.NewBuiltin(name, func(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		return do(thread, args, kwargs)
	})
}

func (m *tilted) nothing(*starlark.Thread, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
	return starlark.None, nil
}

func (m *tilted) getenv(*starlark.Thread, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
	return starlark.String("registry.example.com/me"), nil
}

// local runs the script of the secrets, with a file of this test's, and reads that; of make it only keeps what it was called with.
func (m *tilted) local(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var command string
	var quiet, silent bool
	if err := starlark.UnpackArgs("local", args, kwargs, "command", &command, "quiet?", &quiet, "echo_off?", &silent); err != nil {
		return nil, err
	}
	if strings.HasPrefix(command, "make ") {
		m.commands = append(m.commands, command)
		return starlark.String(""), nil
	}
	if !quiet || !silent {
		return nil, fmt.Errorf("local(%q) shows secrets", command)
	}
	if command == "cat deploy/.env" {
		made, err := os.ReadFile(m.secrets)
		return starlark.String(made), err
	}
	settings, found := strings.CutSuffix(command, " k8s/secrets.sh")
	if !found {
		return nil, fmt.Errorf("local(%q) is not known here", command)
	}
	made, err := exec.Command("sh", "-c", settings+` sh "$0" "$1"`, filepath.Join(root, "k8s", "secrets.sh"), m.secrets).Output()
	if err != nil {
		return nil, fmt.Errorf("k8s/secrets.sh makes no secrets: %w", err)
	}
	return starlark.String(made), nil
}

func (m *tilted) kustomize(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var folder string
	if err := starlark.UnpackArgs("kustomize", args, kwargs, "pathToDir", &folder); err != nil {
		return nil, err
	}
	if folder != "k8s/tilt" {
		return nil, fmt.Errorf("kustomize(%q) is not known here", folder)
	}
	return starlark.String(bytes.Join(m.rendered, []byte("---\n"))), nil
}

func exists(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var path string
	if err := starlark.UnpackArgs("exists", args, kwargs, "path", &path); err != nil {
		return nil, err
	}
	_, err := os.Stat(filepath.Join(root, path))
	return starlark.Bool(err == nil), nil
}

func readFile(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var path string
	if err := starlark.UnpackArgs("read_file", args, kwargs, "paths", &path); err != nil {
		return nil, err
	}
	content, err := os.ReadFile(filepath.Join(root, path))
	return starlark.String(content), err
}

func decodeStream(thread *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var text string
	if err := starlark.UnpackArgs("decode_yaml_stream", args, kwargs, "yaml", &text); err != nil {
		return nil, err
	}
	list := starlark.NewList(nil)
	for _, document := range strings.Split(text, "---\n") {
		asJSON, err := yaml.YAMLToJSON([]byte(document))
		if err != nil {
			return nil, err
		}
		v, err := starlark.Call(thread, json.Module.Members["decode"], starlark.Tuple{starlark.String(asJSON)}, nil)
		if err == nil {
			err = list.Append(v)
		}
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

func encodeStream(thread *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var objects *starlark.List
	if err := starlark.UnpackArgs("encode_yaml_stream", args, kwargs, "objects", &objects); err != nil {
		return nil, err
	}
	var documents []string
	for o := range objects.Elements() {
		v, err := starlark.Call(thread, json.Module.Members["encode"], starlark.Tuple{o}, nil)
		if err != nil {
			return nil, err
		}
		text, ok := starlark.AsString(v)
		if !ok {
			return nil, fmt.Errorf("json.encode made a %s", v.Type())
		}
		documents = append(documents, text)
	}
	return starlark.String(strings.Join(documents, "\n---\n")), nil
}

func (m *tilted) k8sYAML(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var text string
	if err := starlark.UnpackArgs("k8s_yaml", args, kwargs, "yaml", &text); err != nil {
		return nil, err
	}
	for _, document := range strings.Split(text, "---\n") {
		if document != "" { // a stream may begin with its mark
			m.objects = append(m.objects, []byte(document))
		}
	}
	return starlark.None, nil
}

func (m *tilted) customBuild(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var ref, command string
	var deps, ignore *starlark.List
	var skips bool
	err := starlark.UnpackArgs("custom_build", args, kwargs, "ref", &ref, "command", &command, "deps", &deps, "ignore?", &ignore, "skips_local_docker?", &skips)
	if err != nil {
		return nil, err
	}
	if !skips || !strings.Contains(command, `REF="$EXPECTED_REF"`) {
		return nil, fmt.Errorf("%s wants an engine, or gets another name", ref)
	}
	m.images[ref] = words(deps)
	m.commands = append(m.commands, command)
	return starlark.None, nil
}

func (m *tilted) resource(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name string
	var labels, after, ports *starlark.List
	if err := starlark.UnpackArgs("k8s_resource", args, kwargs, "workload", &name, "labels?", &labels, "resource_deps?", &after, "port_forwards?", &ports); err != nil {
		return nil, err
	}
	if _, twice := m.after[name]; twice {
		return nil, fmt.Errorf("resource %s comes twice", name)
	}
	m.after[name] = words(after)
	if ports != nil {
		for p := range ports.Elements() {
			container, err := starlark.AsInt32(p)
			if err != nil {
				return nil, err
			}
			m.ports[name] = append(m.ports[name], container)
		}
	}
	return starlark.None, nil
}

func (m *tilted) localResource(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name, command, mode string
	var labels *starlark.List
	var first bool
	err := starlark.UnpackArgs("local_resource", args, kwargs, "name", &name, "cmd", &command, "trigger_mode?", &mode, "auto_init?", &first, "labels?", &labels)
	m.commands = append(m.commands, command)
	return starlark.None, err
}

// portForward is known by the container's port.
func portForward(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var here, there int
	var name, path string
	err := starlark.UnpackArgs("port_forward", args, kwargs, "local_port", &here, "container_port", &there, "name?", &name, "link_path?", &path)
	return starlark.MakeInt(there), err
}

func words(l *starlark.List) []string {
	var all []string
	if l != nil {
		for v := range l.Elements() {
			s, _ := starlark.AsString(v)
			all = append(all, s)
		}
	}
	return all
}

// wrong is what Tilt could not do with what the Tiltfile asks for.
func (m *tilted) wrong() ([]string, error) {
	var documents [][]byte
	secrets := map[string]map[string]string{}
	for _, d := range m.objects {
		var s corev1.Secret
		if err := yaml.Unmarshal(d, &s); err == nil && s.Kind == "Secret" {
			secrets[s.Name] = s.StringData
			continue
		}
		documents = append(documents, d)
	}
	o, err := Decode(documents)
	if err != nil {
		return nil, err
	}
	t := &trouble{}
	workloads := o.workloads()
	for _, w := range workloads {
		c := w.pod.Spec.Containers[0]
		name, _, _ := strings.Cut(c.Image, ":")
		if strings.HasPrefix(name, "registry.example.com/") {
			t.unless(m.images[name] != nil, "%s is not built", name)
		}
		for _, e := range c.Env {
			if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
				ref := e.ValueFrom.SecretKeyRef
				t.unless(secrets[ref.Name][ref.Key] != "", "%s finds no %s in the secret %s", w, ref.Key, ref.Name)
			}
		}
		for _, e := range c.EnvFrom {
			// One key alone is what somebody else names of it.
			t.unless(e.SecretRef == nil || len(secrets[e.SecretRef.Name]) > 1, "%s finds no secret %v", w, e.SecretRef)
		}
		t.unless(slices.Contains(slices.Collect(maps.Keys(m.after)), w.name), "%s is in no group", w)
		for _, p := range m.ports[w.name] {
			t.unless(slices.ContainsFunc(c.Ports, func(has corev1.ContainerPort) bool { return int(has.ContainerPort) == p }), "%s has no port %d", w, p)
		}
	}
	known := func(name string) bool {
		return slices.ContainsFunc(workloads, func(w workload) bool { return w.name == name })
	}
	for name, after := range m.after {
		t.unless(known(name), "there is no %s", name)
		for _, a := range after {
			t.unless(known(a), "%s comes after %s, which is not there", name, a)
		}
	}
	m.buildable(t)
	slices.Sort(t.found)
	return t.found, nil
}

var targets = []string{"image-tools", "image", "test", "lint"}

// buildable says that what images are built from is there, and that make knows what it is asked for.
func (m *tilted) buildable(t *trouble) {
	for name, deps := range m.images {
		program := filepath.Base(name)
		found, err := filepath.Glob(filepath.Join(root, "services", "*", "cmd", program, "main.go"))
		t.unless(err == nil && len(found) == 1, "there is no program %s", program)
		for _, d := range deps {
			_, err := os.Stat(filepath.Join(root, d))
			t.unless(err == nil, "%s is built from %s, which is not there", name, d)
		}
	}
	for _, c := range m.commands {
		words := strings.Fields(strings.Replace(c, " -s ", " ", 1))
		t.unless(len(words) > 1 && words[0] == "make" && slices.Contains(targets, words[1]), "nobody does %q", c)
	}
}

// modules are the folders of the modules that a program is made of, as go has them.
func modules(t *testing.T, program string) []string {
	t.Helper()
	mains, err := filepath.Glob(filepath.Join(root, "services", "*", "cmd", program))
	require.NoError(t, err)
	require.Len(t, mains, 1, program)
	folder, err := filepath.Rel(root, mains[0])
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{if .Main}}{{.Path}}{{end}}{{end}}", "./"+folder)
	command.Dir, command.Env = root, append(os.Environ(), "GOWORK=") // the workspace's
	out, err := command.Output()
	require.NoError(t, err)
	var folders []string
	for _, module := range strings.Fields(string(out)) {
		folders = append(folders, strings.TrimPrefix(module, "github.com/orderflow/orderflow/"))
	}
	return folders
}

func TestTiltfile(t *testing.T) {
	t.Parallel()
	files, err := ReadFiles(root)
	require.NoError(t, err)
	rendered, err := files.kustomize("k8s/tilt")
	require.NoError(t, err)
	tiltfile, err := os.ReadFile(filepath.Join(root, "Tiltfile"))
	require.NoError(t, err)
	m, err := evaluate(t, rendered, string(tiltfile))
	require.NoError(t, err)
	found, err := m.wrong()
	require.NoError(t, err)
	assert.Empty(t, found)
	for name, deps := range m.images {
		assert.Subset(t, deps, modules(t, filepath.Base(name)), "%s is built anew when its code changes", name)
	}
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	require.NoError(t, err)
	for _, target := range targets {
		assert.Contains(t, string(makefile), "\n"+target+":")
	}

	for _, broken := range []struct{ is, becomes, found string }{
		{"'services/' + m", "'service/' + m", "which is not there"},
		{"for program in programs:", "for program in ['orders']:", "registry.example.com/orderflow/payment is not built"},
		{"SMTP_URL=smtp://sandbox:1025", "SMTP_URL=", "makes no secrets"},
		{"'name': 'orderflow-logins'", "'name': 'orderflow-login'", "finds no secret"},
		{"startswith('DATABASE_PASSWORD_')", "startswith('NATS_PASSWORD_')", "finds no DATABASE_PASSWORD_OWNER"},
		{"resource_deps=['migrate']", "resource_deps=['migration']", "logins comes after migration"},
		{"port_forward(8080, 8080", "port_forward(8080, 8081", "has no port 8081"},
		{"make -s image PROGRAM", "make -s picture PROGRAM", "nobody does"},
		{"k8s_resource('postgres', labels=['ground'])\n", "", "Deployment postgres is in no group"},
		{"echo_off=True", "echo_off=False", "shows secrets"},
		{"k8s_yaml(rendered)", "k8s_yam(rendered)", "undefined: k8s_yam"},
	} {
		require.Contains(t, string(tiltfile), broken.is)
		m, err := evaluate(t, rendered, strings.Replace(string(tiltfile), broken.is, broken.becomes, 1))
		var found []string
		if err == nil {
			found, err = m.wrong()
		}
		if err != nil {
			found = append(found, err.Error())
		}
		assert.Contains(t, strings.Join(found, "\n"), broken.found, broken.becomes)
	}
}
