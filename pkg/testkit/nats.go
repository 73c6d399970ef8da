package testkit

import (
	"context"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/bus/embed"
)

// NATS is a provisioned JetStream of the test's own.
func NATS(t testing.TB) jetstream.JetStream {
	t.Helper()
	server, err := embed.Start(t.TempDir(), "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	conn, err := nats.Connect("", server.InProcess())
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	require.NoError(t, bus.Provision(context.Background(), js, bus.StreamOptions{}))
	return js
}
