package bus_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	natsd "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/bus"
)

const confs = "../../deploy/nats"

func TestTheUsersInDeployAreTheOnesOfTheCode(t *testing.T) {
	t.Parallel()
	kept, err := os.ReadFile(filepath.Join(confs, "users.conf"))
	require.NoError(t, err)
	assert.Equal(t, bus.UsersConf(), string(kept), "make docs")
}

// The configuration is read as a nats-server reads it, from its environment too; so nothing runs beside this test.
func TestAServerWithTheConfigurationInDeployLetsEachUserInAsItself(t *testing.T) {
	for _, u := range bus.Users() {
		t.Setenv("NATS_PASSWORD_"+strings.ToUpper(u.Name), "secret-of-"+u.Name)
	}
	options, err := natsd.ProcessConfigFile(filepath.Join(confs, "nats.conf"))
	require.NoError(t, err)
	assert.True(t, options.SyncAlways)
	options.JetStreamMaxStore = 1 << 40 // three quarters of what this disk has free may be less than the streams may take
	options.StoreDir, options.Port, options.HTTPPort, options.NoSigs, options.NoLog = t.TempDir(), natsd.RANDOM_PORT, 0, true, true
	s, err := natsd.NewServer(options)
	require.NoError(t, err)
	s.Start()
	t.Cleanup(s.Shutdown)
	require.True(t, s.ReadyForConnections(10*time.Second))

	_, err = nats.Connect(s.ClientURL())
	require.ErrorIs(t, err, nats.ErrAuthorization)
	as := func(user string) jetstream.JetStream {
		conn, err := nats.Connect(s.ClientURL(), nats.UserInfo(user, "secret-of-"+user), nats.CustomInboxPrefix(bus.InboxPrefix(user)))
		require.NoError(t, err)
		t.Cleanup(conn.Close)
		js, err := jetstream.New(conn)
		require.NoError(t, err)
		return js
	}
	require.NoError(t, bus.Provision(context.Background(), as(bus.Operator), bus.StreamOptions{}))
	ingress := as("ingress")
	_, err = bus.NewPublisher(ingress).One(t.Context(), &nats.Msg{Subject: "intake.1.stripe.order.-.-.-", Data: []byte("a delivery")})
	require.NoError(t, err)
	got := make(chan string, 1)
	consuming, err := bus.Consume(t.Context(), as("orders"), bus.FactsDurable("orders", bus.OwnerOrder), func(m jetstream.Msg) {
		got <- string(m.Data())
		assert.NoError(t, m.DoubleAck(context.Background()))
	}, func(err error) { t.Error(err) })
	require.NoError(t, err)
	assert.Equal(t, "a delivery", <-got)
	consuming.Drain()
}
