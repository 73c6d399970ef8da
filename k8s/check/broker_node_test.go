package check

import (
	"flag"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/testkit"
)

// TestMain is nats-server when it is called by that name, so that a node of the broker is a process, as in its pod.
func TestMain(m *testing.M) {
	if err := resolve(); err != nil {
		server.PrintAndDie(err.Error())
	}
	if filepath.Base(os.Args[0]) != "nats-server" {
		os.Exit(m.Run())
	}
	flags := flag.NewFlagSet("nats-server", flag.ExitOnError)
	options, err := server.ConfigureOptions(flags, os.Args[1:], server.PrintServerAndExit, flags.Usage, server.PrintTLSHelpAndDie)
	if err != nil {
		server.PrintAndDie(err.Error())
	}
	s, err := server.NewServer(options)
	if err != nil {
		server.PrintAndDie(err.Error())
	}
	s.ConfigureLogger()
	if err := server.Run(s); err != nil {
		server.PrintAndDie(err.Error())
	}
	s.WaitForShutdown()
}

// node is a pod of the broker, laid out on this machine.
type node struct {
	name    string
	dir     string // its volumes, by name
	pod     corev1.PodSpec
	env     map[string]string
	paths   *strings.Replacer // from where the pod mounts its volumes to dir
	process *exec.Cmd
}

// layOut makes the volumes and the environment of a pod. ports says what a port of a node is here.
func layOut(t *testing.T, o *Objects, number int, ports func(node int, port string) string) *node {
	t.Helper()
	n := &node{name: fmt.Sprintf("orderflow-nats-%d", number), dir: t.TempDir(), pod: o.statefulSets["orderflow-nats"].Spec.Template.Spec}
	mounted := map[string]string{}
	for _, m := range n.pod.Containers[0].VolumeMounts {
		mounted[m.MountPath] = filepath.Join(n.dir, m.Name)
		require.NoError(t, os.Mkdir(filepath.Join(n.dir, m.Name), 0o700))
	}
	var pairs []string
	for _, at := range slices.Backward(slices.Sorted(maps.Keys(mounted))) { // /etc/nats-tls before /etc/nats
		pairs = append(pairs, at, mounted[at])
	}
	n.paths = strings.NewReplacer(pairs...)
	for _, v := range n.pod.Volumes {
		if v.Projected == nil {
			continue
		}
		for _, source := range v.Projected.Sources {
			for name, content := range o.configMaps[source.ConfigMap.Name].Data {
				content = listening.ReplaceAllStringFunc(n.paths.Replace(content), func(line string) string {
					what := listening.FindStringSubmatch(line)
					return map[string]string{"port": "listen", "http_port": "http"}[what[1]] + ": 127.0.0.1:" + ports(number, what[2])
				})
				require.NoError(t, os.WriteFile(filepath.Join(n.dir, v.Name, name), []byte(content), 0o600))
			}
		}
	}
	n.environ(ports)
	return n
}

// listening is where the configuration names a port of all addresses; route is where the environment names one.
var (
	listening = regexp.MustCompile(`(?m)\b((?:http_)?port): (\d+)`)
	route     = regexp.MustCompile(`(orderflow-nats-(\d)\.orderflow-nats):(\d+)`)
)

// environ is the environment of the pod, with a password for each user.
func (n *node) environ(ports func(node int, port string) string) {
	n.env = map[string]string{}
	for _, u := range bus.Users() {
		n.env["NATS_PASSWORD_"+strings.ToUpper(u.Name)] = "of-" + u.Name
	}
	for _, e := range n.pod.Containers[0].Env {
		value := os.Expand(strings.NewReplacer("$(", "${", ")", "}").Replace(e.Value), func(name string) string { return n.env[name] })
		switch {
		case e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil:
			value = "of-route"
		case e.ValueFrom != nil:
			value = n.name // metadata.name
		}
		n.env[e.Name] = route.ReplaceAllStringFunc(value, func(address string) string {
			to := route.FindStringSubmatch(address)
			return to[1] + ":" + ports(int(to[2][0]-'0'), to[3])
		})
	}
}

// certify fills the volume "tls" as the kubelet does with a secret: a folder for each version, and the link ..data, which is
// moved to the next one as a whole.
func (n *node) certify(t *testing.T, by *testkit.Authority, names []string) {
	t.Helper()
	volume := filepath.Join(n.dir, "tls")
	version, err := os.MkdirTemp(volume, "..version-") //nolint:usetesting // within the volume
	require.NoError(t, err)
	by.Write(t, testkit.Pair{Cert: filepath.Join(version, "tls.crt"), Key: filepath.Join(version, "tls.key")}, names[0], "", time.Now().Add(time.Hour), names[1:]...)
	authority, err := os.ReadFile(by.File)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(version, "ca.crt"), authority, 0o600))
	require.NoError(t, os.Symlink(filepath.Base(version), filepath.Join(volume, "..next")))
	require.NoError(t, os.Rename(filepath.Join(volume, "..next"), filepath.Join(volume, "..data")))
	for _, key := range []string{"tls.crt", "tls.key", "ca.crt"} {
		if err := os.Symlink(filepath.Join("..data", key), filepath.Join(volume, key)); err != nil {
			require.ErrorIs(t, err, os.ErrExist)
		}
	}
}

// run starts the command of one of the pod's containers. `nats-server` is this very program.
func (n *node) run(t *testing.T, container string, change func(string) string) *exec.Cmd {
	t.Helper()
	at := slices.IndexFunc(n.pod.Containers, func(c corev1.Container) bool { return c.Name == container })
	require.GreaterOrEqual(t, at, 0, "the pod has a container %s", container)
	bin := filepath.Join(n.dir, "bin")
	self, err := os.Executable()
	require.NoError(t, err)
	if err := os.MkdirAll(bin, 0o700); err == nil {
		err = os.Symlink(self, filepath.Join(bin, "nats-server"))
		require.True(t, err == nil || os.IsExist(err), "%v", err)
	}
	var words []string
	for _, w := range n.pod.Containers[at].Command {
		words = append(words, change(n.paths.Replace(w)))
	}
	if words[0] == "nats-server" {
		words[0] = filepath.Join(bin, words[0])
	}
	log, err := os.Create(filepath.Join(n.dir, container+".log"))
	require.NoError(t, err)
	command := exec.Command(words[0], words[1:]...)
	command.Stdout, command.Stderr = log, log
	command.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "TEST_NAMES=" + os.Getenv("TEST_NAMES")}
	for name, value := range n.env {
		command.Env = append(command.Env, name+"="+value)
	}
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		_ = log.Close()
		if t.Failed() {
			t.Logf("%s, %s:\n%s", n.name, container, n.log(t, container))
		}
	})
	return command
}

func (n *node) log(t *testing.T, container string) string {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(n.dir, container+".log"))
	require.NoError(t, err)
	return string(log)
}

// freePorts gives each port of each node one of this machine that nobody listens on.
func freePorts(t *testing.T) func(node int, port string) string {
	t.Helper()
	taken, listeners := map[string]string{}, []net.Listener{}
	for number := range 3 {
		for _, port := range []string{"4222", "6222", "8222"} {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			listeners = append(listeners, l)
			_, free, err := net.SplitHostPort(l.Addr().String())
			require.NoError(t, err)
			taken[fmt.Sprint(number, port)] = free
		}
	}
	for _, l := range listeners {
		require.NoError(t, l.Close())
	}
	return func(node int, port string) string { return taken[fmt.Sprint(node, port)] }
}
