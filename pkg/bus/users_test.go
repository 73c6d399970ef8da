package bus_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/bus/embed"
)

// guarded is a server with users, and who tries something as one of them.
type guarded struct {
	t *testing.T
	s *embed.Server
}

func newGuarded(t *testing.T) guarded {
	t.Helper()
	passwords := map[string]string{}
	for _, u := range bus.Users() {
		passwords[u.Name] = "the password of " + u.Name
	}
	s, err := embed.Start(t.TempDir(), "127.0.0.1:0", embed.WithUsers(passwords))
	require.NoError(t, err)
	t.Cleanup(s.Stop)
	g := guarded{t, s}
	require.NoError(t, bus.Provision(context.Background(), g.js(bus.Operator), bus.StreamOptions{}))
	return g
}

func (g guarded) js(user string) jetstream.JetStream {
	g.t.Helper()
	conn, err := nats.Connect(g.s.URL(), g.s.InProcess(), nats.UserInfo(user, "the password of "+user), nats.CustomInboxPrefix(bus.InboxPrefix(user)),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	require.NoError(g.t, err)
	g.t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	require.NoError(g.t, err)
	return js
}

// denied says whether the server refused what was done on a connection; it tells that before it answers a flush.
func (g guarded) denied(conn *nats.Conn) bool {
	g.t.Helper()
	require.NoError(g.t, conn.Flush())
	err := conn.LastError()
	if err != nil {
		require.ErrorIs(g.t, err, nats.ErrPermissionViolation)
	}
	return err != nil
}

// tries says whether a user may publish to a subject.
func (g guarded) tries(user, subject string) bool {
	conn := g.js(user).Conn()
	require.NoError(g.t, conn.PublishRequest(subject, bus.InboxPrefix(user)+".x", nil))
	return !g.denied(conn)
}

func TestNobodyIsLetInWithoutAPassword(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	for _, o := range []nats.Option{nats.UserInfo("", ""), nats.UserInfo("payment", ""), nats.UserInfo("payment", "a guess"), nats.UserInfo("nobody", "x")} {
		_, err := nats.Connect(g.s.URL(), o)
		require.ErrorIs(t, err, nats.ErrAuthorization)
	}
}

func TestAUserPublishesAndPullsOnlyWhatIsItsOwn(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	const next = "$JS.API.CONSUMER.MSG.NEXT."
	for subject, allowed := range map[string][]string{
		"intake.1.stripe.order.-.-.-":                                           {"ingress", "projector", "operators"},
		"intake.1.amazon.order.-.-.-":                                           {"ingress", "projector", "amazon", "operators"},
		next + "INTAKE.amazon-source":                                           {"amazon"},
		"$JS.API.CONSUMER.CREATE.INTAKE.amazon-source.intake.>":                 {},
		"events.order.1.OrderPlaced":                                            {"orders", "payment", "inventory", "fraud", "fulfillment", "notifier", "operators"},
		"dead.payment.decide":                                                   {"payment"},
		"commands.orders.CancelOrder":                                           {"operators"},
		"$JS.API.STREAM.MSG.DELETE.DEAD":                                        {"operators"},
		"$JS.API.STREAM.PURGE.DEAD":                                             {},
		next + "INTAKE.payment-facts":                                           {"payment"},
		next + "INTAKE.journal":                                                 {"projector"},
		next + "EVENTS.fraud-rings":                                             {"fraud"},
		"$JS.ACK.INTAKE.orders-facts.1.1.1.1.0":                                 {"orders"},
		"$JS.API.CONSUMER.CREATE.INTAKE.payment-facts.intake.*.*.*.payment.*.*": {"payment"},
		"$JS.API.CONSUMER.CREATE.INTAKE.payment-facts":                          {},
		"$JS.API.CONSUMER.CREATE.INTAKE.payment-facts.intake.>":                 {},
		"$JS.API.CONSUMER.CREATE.INTAKE.other.intake.>":                         {},
		"$JS.API.CONSUMER.DELETE.INTAKE.orders-facts":                           {"orders"},
		"$JS.API.STREAM.PURGE.INTAKE":                                           {"projector"},
		"$JS.API.STREAM.PURGE.EVENTS":                                           {},
		"$JS.API.STREAM.DELETE.INTAKE":                                          {},
		"$JS.API.STREAM.UPDATE.INTAKE":                                          {},
		"$JS.API.STREAM.MSG.DELETE.INTAKE":                                      {},
		"_INBOX_payment.somebody":                                               {},
	} {
		for _, u := range bus.Users() {
			want := u.Name == bus.Operator || slices.Contains(allowed, u.Name)
			assert.Equal(t, want, g.tries(u.Name, subject), "%s to %s", u.Name, subject)
		}
	}
}

func TestAUserHearsOnlyItsOwnAnswers(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	for _, u := range bus.Users() {
		for _, subject := range []string{">", "intake.>", "_INBOX.>", "_INBOX_" + otherThan(u.Name) + ".>", "$JS.>"} {
			conn := g.js(u.Name).Conn()
			_, err := conn.SubscribeSync(subject)
			require.NoError(t, err)
			assert.Equal(t, u.Name != bus.Operator, g.denied(conn), "%s listens to %s", u.Name, subject)
		}
	}
}

func otherThan(user string) string {
	if user == "orders" {
		return "payment"
	}
	return "orders"
}

// A filter in the message that is wider than the one in its subject would let a service see what is not its own.
func TestADurableCannotBeMadeWiderThanItsSubjectSays(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn := g.js("payment").Conn()
	facts := bus.FactsDurable("payment", bus.OwnerPayment)
	for filter, good := range map[string]bool{facts.Filters[0]: true, "intake.>": false, "": false} {
		body := `{"stream_name":"INTAKE","config":{"durable_name":"payment-facts","ack_policy":"explicit","filter_subject":"` + filter + `"}}`
		answer, err := conn.RequestWithContext(ctx, "$JS.API.CONSUMER.CREATE.INTAKE.payment-facts."+facts.Filters[0], []byte(body))
		require.NoError(t, err)
		assert.Equal(t, good, !strings.Contains(string(answer.Data), `"error"`), "%q: %s", filter, answer.Data)
	}
}
