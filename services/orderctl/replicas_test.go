package orderctl

import (
	"bufio"
	"context"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/services/orderctl/demo"
)

// replica is every service once more, on the same database and the same broker, as a second pod of each would be. The
// sandbox is the world outside, of which there is one.
type replica struct {
	name   string
	sender *demo.Sender
	admin  string
	stop   func()
}

// first is the replica that runAll started; it stops with the test.
func (r running) first() replica { return replica{"first", r.sender, r.ground.URL("admin"), nil} }

// beside starts a second replica of everything; stop waits until it has drained.
func (r running) beside(t *testing.T) replica {
	t.Helper()
	listeners, urls := map[string]net.Listener{}, map[string]string{}
	for _, name := range []string{"ingress", "admin"} {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		listeners[name], urls[name] = l, "http://"+l.Addr().String()
	}
	services := slices.DeleteFunc(Services(), func(s host.Service) bool { return s.Name == "sandbox" })
	options := r.ground.HostOptions()
	options.Listeners = listeners
	ready, ended := make(chan struct{}), make(chan error, 1)
	options.Ready = func() { close(ready) }
	ctx, cancel := context.WithCancel(context.Background())
	go func() { ended <- host.Run(ctx, services, options) }()
	var once sync.Once
	stop := func() {
		once.Do(func() {
			cancel()
			assert.NoError(t, <-ended)
		})
	}
	t.Cleanup(stop)
	select {
	case <-ready:
	case err := <-ended:
		ended <- err
		require.NoError(t, err)
	}
	return replica{"second", &demo.Sender{IngressURL: urls["ingress"], Secrets: r.ground.Secrets()}, urls["admin"], stop}
}

// metric reads a metric of each service that has it: a counter, or one part of a histogram. Labels beside the service's
// are summed over.
func (p replica) metric(t *testing.T, name string) map[string]float64 {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.admin+"/metrics", http.NoBody)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	values := map[string]float64{}
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		labels, ok := strings.CutPrefix(lines.Text(), name+"{")
		if !ok {
			continue
		}
		_, service, _ := strings.Cut(labels, `service="`)
		service, _, _ = strings.Cut(service, `"`)
		value, err := strconv.ParseFloat(labels[strings.LastIndexByte(labels, ' ')+1:], 64)
		require.NoError(t, err, lines.Text())
		values[service] += value
	}
	return values
}

func sum(values map[string]float64) (total float64) {
	for _, v := range values {
		total += v
	}
	return total
}

// conflicts are the decisions that were made again because the other replica was faster, and the events that all
// replicas appended.
func conflicts(t *testing.T, replicas ...replica) (met, appended float64) {
	t.Helper()
	for _, p := range replicas {
		by := p.metric(t, "orderflow_append_conflicts_total")
		maps.DeleteFunc(by, func(_ string, v float64) bool { return v == 0 })
		events := sum(p.metric(t, "orderflow_events_appended_total"))
		t.Logf("%s replica: %.0f events, conflicts %v, messages %v", p.name, events, by, p.metric(t, "orderflow_batch_messages_sum"))
		met, appended = met+sum(by), appended+events
	}
	return met, appended
}

// many is how many orders a heavy test carries: few by default, more where somebody wants to know.
func many(few int) int {
	if n, err := strconv.Atoi(os.Getenv("ORDERFLOW_TEST_ORDERS")); err == nil && n > 0 {
		return n
	}
	return few
}

// proved runs 'orderctl verify' on what runs.
func (r running) proved(t *testing.T) {
	t.Helper()
	require.NoError(t, r.ground.Remember(Running{DatabaseURL: r.ground.DatabaseURL, NATSURL: r.ground.NATSURL}))
	v := call(t.Context(), "", "--data", r.ground.Dir, "verify")
	assert.Zero(t, v.code, "%s\n%s", v.out, v.said)
}

// bothTell sends every story to both replicas' ingresses at the same time: every delivery comes twice at once. It
// returns what the first one was sent.
func bothTell(t *testing.T, stories []demo.Story, replicas ...replica) []demo.Sent {
	t.Helper()
	sent := make([][]demo.Sent, len(replicas))
	var told sync.WaitGroup
	for i, p := range replicas {
		told.Go(func() { sent[i] = p.tell(t, stories) })
	}
	told.Wait()
	return sent[0]
}

// tell sends stories as providers do: what was not taken (a broker that does not keep up) is sent again.
func (p replica) tell(t *testing.T, stories []demo.Story) []demo.Sent {
	t.Helper()
	sent, err := p.sender.Send(t.Context(), stories, func(int) {})
	for range 20 {
		var missed []demo.Story
		for _, s := range sent {
			if s.Wrong != "" {
				missed = append(missed, s.Story)
			}
		}
		if err != nil || len(missed) == 0 {
			break
		}
		var again []demo.Sent
		again, err = p.sender.Send(t.Context(), missed, func(int) {})
		sent = append(slices.DeleteFunc(sent, func(s demo.Sent) bool { return s.Wrong != "" }), again...)
	}
	assert.NoError(t, err)
	return sent
}

func (r running) allRight(t *testing.T, sent []demo.Sent) (shipped int) {
	t.Helper()
	outcomes, err := demo.Watch(t.Context(), r.pool, sent, lifetime, func(int) {})
	require.NoError(t, err)
	for _, o := range outcomes {
		assert.True(t, o.Right(), "%s %s: %s, ended as %q instead of %q %s", o.Story.Source, o.Story.Number, o.Story.Name, o.Status, o.Story.Ends, o.Wrong)
		if o.Story.Ends == demo.Shipped {
			shipped++
		}
	}
	return shipped
}

// once looks at everything that must have been done once for each order that shipped, by the sandbox's books and by
// the SKUs' own streams.
func (r running) once(t *testing.T, shipped int, stories []demo.Story) {
	t.Helper()
	r.settle(t)
	books := r.books(t)
	assert.Equal(t, shipped, books.Labels-books.Voided, "one label for each order, by the carrier's own books")
	assert.Empty(t, books.LabelsAboveOne)
	assert.Zero(t, books.Repeats, "no mail twice")
	assert.Equal(t, shipped, r.count(t, `SELECT count(*) FROM orderflow.events WHERE type = 'fulfillment.v1.LabelPurchased'`)-
		r.count(t, `SELECT count(*) FROM orderflow.events WHERE type = 'fulfillment.v1.LabelVoided'`), "of a cancelled order it was voided")
	assert.Equal(t, shipped, r.count(t, `SELECT count(*) FROM orderflow.events WHERE type = 'inventory.v1.AllocationClosed'
		AND entity_id IN (SELECT order_id FROM read.orders WHERE status = 'completed')`), "one taking of stock each")
	for _, s := range stories {
		for sku, pieces := range s.Wants {
			if s.Ends != demo.Shipped {
				pieces = 0
			}
			assert.Equal(t, pieces, r.taken(t, [16]byte(s.Order), sku), "%s: pieces of %s taken out of the building", s.Name, sku)
		}
	}
	assert.Zero(t, r.count(t, `SELECT count(*) FROM orderflow.events WHERE type = 'payment.v1.RefundGranted'`), "nothing is given back")
	assert.Zero(t, r.count(t, `SELECT count(*) FROM orderflow.stuck`))
	r.proved(t)
}

// Two replicas of every service over a load that both ingresses are told in full at the same time.
func TestTwoReplicasOfEverythingCarryEveryOrderOnce(t *testing.T) {
	t.Parallel()
	r := runAll(t)
	replicas := []replica{r.first(), r.beside(t)}
	orders := many(60)
	require.NoError(t, fillShelves(t.Context(), r.ground, demo.Stock(orders)))
	stories := demo.Tell(orders, time.Now(), 2)
	shipped := r.allRight(t, bothTell(t, stories, replicas...))
	r.once(t, shipped, stories)
	met, appended := conflicts(t, replicas...)
	t.Logf("%d orders: %.0f decisions were made again, of %.0f events", orders, met, appended)
	assert.Less(t, met, 0.2*appended, "conflicts are few")
	for _, p := range replicas {
		assert.Positive(t, sum(p.metric(t, "orderflow_events_appended_total")), "the %s replica works too", p.name)
	}
}
