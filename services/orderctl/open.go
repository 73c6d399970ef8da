package orderctl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/pkg/seal"
)

// Flags that every command has.
const (
	flagData    = "data"
	flagJSON    = "json"
	defaultData = ".orderflow/data"
)

// Running is what 'orderctl up' writes to run.json once it is ready.
type Running struct {
	IngressURL  string `json:"ingress_url"`
	AdminURL    string `json:"admin_url"`
	MailboxURL  string `json:"mailbox_url,omitempty"`
	DatabaseURL string `json:"database_url"`
	NATSURL     string `json:"nats_url"`
	PID         int    `json:"pid"`
	// NATS is how the broker is spoken to, beside its address.
	NATS host.NATSAccess `json:"nats,omitzero"`
	// Secrets are the webhook secrets of the sandbox, by source; only under --sandbox, where they protect nothing.
	Secrets map[string]string `json:"secrets,omitempty"`
	// Deadlines are the settings that say how long somebody may take, as they are in force.
	Deadlines map[string]string `json:"deadlines"`
	// Reading are the settings that have a say in how deliveries are read: those that are read again have to be read as
	// the ingress reads them.
	Reading map[string]string `json:"reading"`
}

// Names of the files in a data folder.
const (
	runFile = "run.json"
	keyFile = "master.key"
)

// where finds out where everything is: the environment first, then a running 'orderctl up'.
func where(c *cobra.Command) (run Running, masterKey string, err error) {
	if a := askerIn(c.Context()); a != nil {
		return a.system.Running, "", nil
	}
	dir, err := c.Flags().GetString(flagData)
	if err != nil {
		return run, "", err
	}
	environ := host.Environ()
	for name, to := range map[string]*string{"DATABASE_URL": &run.DatabaseURL, "NATS_URL": &run.NATSURL, "MASTER_KEY": &masterKey} {
		if *to, err = host.Secret(environ, name); err != nil {
			return run, "", err
		}
	}
	if err := host.Read(environ, &run.NATS); err != nil {
		return run, "", err
	}
	if (run.DatabaseURL != "" || run.NATSURL != "") && !c.Flags().Changed(flagData) {
		return run, masterKey, nil
	}
	run, err = readRun(dir)
	if err != nil {
		return run, "", err
	}
	key, err := os.ReadFile(filepath.Join(dir, keyFile))
	if err != nil {
		return run, "", fmt.Errorf("read the master key: %w", err)
	}
	return run, string(key), nil
}

func readRun(dir string) (Running, error) {
	var run Running
	file, err := os.ReadFile(filepath.Join(dir, runFile))
	if errors.Is(err, fs.ErrNotExist) {
		return run, fmt.Errorf("nothing runs in %s: start it with 'orderctl up --sandbox', name its folder with --data, or set DATABASE_URL, NATS_URL and MASTER_KEY", dir)
	}
	if err != nil {
		return run, err
	}
	if err := json.Unmarshal(file, &run); err != nil {
		return run, fmt.Errorf("%s: %w", filepath.Join(dir, runFile), err)
	}
	if run.PID > 0 && errors.Is(syscall.Kill(run.PID, 0), syscall.ESRCH) {
		return run, fmt.Errorf("nothing runs in %s any more: process %d is gone and had no time to say so; start it again with 'orderctl up'", dir, run.PID)
	}
	return run, nil
}

// system is a running orderflow as a command sees it.
type system struct {
	Running
	pool  *pgxpool.Pool
	store *eventstore.Store
	vault *seal.Vault
	// shared says that the pool is not this command's own.
	shared bool
}

// open connects to the database; the caller closes it.
func open(c *cobra.Command) (*system, error) {
	if a := askerIn(c.Context()); a != nil {
		return a.system, nil
	}
	run, key, err := where(c)
	if err != nil {
		return nil, err
	}
	if run.DatabaseURL == "" {
		return nil, errNoDatabase
	}
	masters, err := seal.ParseMasters(key)
	if err != nil {
		return nil, err
	}
	pool, err := host.OpenPool(c.Context(), run.DatabaseURL, "orderctl", 8)
	if err != nil {
		return nil, err
	}
	vault, err := seal.NewVault(pool, masters)
	if err != nil {
		pool.Close()
		return nil, err
	}
	return &system{Running: run, pool: pool, store: eventstore.New(pool, vault), vault: vault}, nil
}

func (s *system) close() {
	if !s.shared {
		s.pool.Close()
	}
}

// What the environment may lack.
var (
	errNoDatabase = errors.New("nobody says where the database is: set DATABASE_URL")
	errNoBroker   = errors.New("nobody says where the broker is: set NATS_URL")
)

// broker connects to JetStream for as long as use runs.
func broker(ctx context.Context, run Running, use func(context.Context, jetstream.JetStream) error) error {
	if a := askerIn(ctx); a != nil {
		return withoutStreams(use(ctx, a.js))
	}
	if run.NATSURL == "" {
		return errNoBroker
	}
	conn, err := host.OpenNATS(run.NATSURL, run.NATS, "orderctl", nats.MaxReconnects(3))
	if err != nil {
		return err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	return withoutStreams(use(ctx, js))
}

// withoutStreams says what makes streams that are missing.
func withoutStreams(err error) error {
	if errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrNoStreamResponse) {
		return fmt.Errorf("%w; orderctl provision makes the streams", err)
	}
	return err
}
