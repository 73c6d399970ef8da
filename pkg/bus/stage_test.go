package bus_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/bus/embed"
)

func TestBatchesStagedInMemoryAreDurableAndLeaveNothingThere(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/shm"); err != nil {
		t.Skip("no /dev/shm: batches are staged on the disk here")
	}
	dir := t.TempDir()
	link := filepath.Join(dir, "jetstream", "$G", "streams", "INTAKE", "batches")
	for start := range 3 {
		s, err := embed.Start(dir, "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(s.Stop)
		conn, err := nats.Connect(s.URL())
		require.NoError(t, err)
		t.Cleanup(conn.Close)
		js, err := jetstream.New(conn)
		require.NoError(t, err)
		require.NoError(t, bus.Provision(t.Context(), js, bus.StreamOptions{}))
		require.NoError(t, s.StageInMemory())
		memory, err := os.Readlink(link)
		require.NoError(t, err, "the server has removed the link at its start, and it was made anew")

		messages := make([]*nats.Msg, 100)
		for i := range messages {
			messages[i] = &nats.Msg{Subject: "intake.test.staged", Data: []byte("a delivery")}
		}
		require.NoError(t, bus.NewPublisher(js).Atomic(t.Context(), messages))
		stream, err := js.Stream(t.Context(), "INTAKE")
		require.NoError(t, err)
		require.EqualValues(t, 100*(start+1), stream.CachedInfo().State.Msgs)
		conn.Close()
		s.Stop()
		require.NoDirExists(t, memory)
	}
}
