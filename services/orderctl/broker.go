package orderctl

import (
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/bus/embed"
)

// brokerCommand is for the benchmark, which needs a cluster of NATS servers and finds none installed.
func brokerCommand() *cobra.Command {
	return &cobra.Command{
		Use: "broker", Short: "Run a NATS server with a configuration file", Hidden: true,
		Annotations: here("it is a server itself"),
		Long:        "Run the NATS server that is part of this program with a configuration file, as nats-server -c does.",
		Args:        takes(cobra.ExactArgs(1), "the configuration's file"),
		RunE:        func(c *cobra.Command, args []string) error { return embed.Serve(c.Context(), args[0]) },
	}
}

// brokers are the nodes of a NATS cluster on this machine, set as deploy/nats and k8s/components/nats set it: JetStream
// on disk, every message synced before it is acknowledged, a user for each service.
type brokers struct {
	nodes     []brokerNode
	passwords map[string]string
}

type brokerNode struct {
	name, dir string
	client    string // address
	cluster   string
}

// newBrokers makes the configuration of so many nodes below a folder. Addresses come from free.
func newBrokers(dir string, many int, free func() (string, error)) (*brokers, error) {
	b := &brokers{passwords: map[string]string{}}
	for _, u := range bus.Users() {
		b.passwords[u.Name] = "p" + rand.Text()
	}
	for i := range many {
		n := brokerNode{name: fmt.Sprintf("nats-%d", i)}
		n.dir = filepath.Join(dir, n.name)
		for _, address := range []*string{&n.client, &n.cluster} {
			var err error
			if *address, err = free(); err != nil {
				return nil, err
			}
		}
		b.nodes = append(b.nodes, n)
	}
	for _, n := range b.nodes {
		if err := os.MkdirAll(n.dir, 0o700); err != nil {
			return nil, fmt.Errorf("make the folder of a broker: %w", err)
		}
		if err := os.WriteFile(n.conf(), []byte(b.conf(n)), 0o600); err != nil {
			return nil, fmt.Errorf("write the configuration of a broker: %w", err)
		}
	}
	return b, nil
}

func (n brokerNode) conf() string { return filepath.Join(n.dir, "nats.conf") }

// conf has no bounds of its own for the disk: the streams have theirs.
func (b *brokers) conf(n brokerNode) string {
	routes := make([]string, len(b.nodes))
	for i, other := range b.nodes {
		routes[i] = "nats-route://" + other.cluster
	}
	return fmt.Sprintf(`server_name: %s
listen: %s
max_payload: 8MB
jetstream { store_dir: %q, sync_interval: always, max_file_store: 1TB }
cluster { name: orderflow, listen: %s, routes: [ %s ] }
%s`, n.name, n.client, n.dir, n.cluster, strings.Join(routes, ", "), bus.UsersConf())
}

// environ is what the configuration takes from the environment.
func (b *brokers) environ() []string {
	var environ []string
	for user, password := range b.passwords {
		environ = append(environ, "NATS_PASSWORD_"+strings.ToUpper(user)+"="+password)
	}
	slices.Sort(environ)
	return environ
}

// url is where a user finds all of them.
func (b *brokers) url(user string) string {
	urls := make([]string, len(b.nodes))
	for i, n := range b.nodes {
		u := url.URL{Scheme: "nats", User: url.UserPassword(user, b.passwords[user]), Host: n.client}
		urls[i] = u.String()
	}
	return strings.Join(urls, ",")
}
