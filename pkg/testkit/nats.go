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
func NATS(tb testing.TB) jetstream.JetStream {
	tb.Helper()
	server, err := embed.Start(tb.TempDir(), "127.0.0.1:0")
	require.NoError(tb, err)
	tb.Cleanup(server.Stop)
	conn, err := nats.Connect("", server.InProcess())
	require.NoError(tb, err)
	tb.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	require.NoError(tb, err)
	require.NoError(tb, bus.Provision(context.Background(), js, bus.StreamOptions{}))
	return js
}
