package fulfillment

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"
	"github.com/orderflow/orderflow/pkg/seal"
	"github.com/orderflow/orderflow/pkg/testkit"

	commandv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/command/v1"
	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// quick are rules that tests need not wait for.
var quick = Rules{SettleDelay: 300 * time.Millisecond, RetryDelay: 50 * time.Millisecond, CallTimeout: 5 * time.Second}

// house is fulfillment on a real database, a real broker and a carrier that answers over HTTP.
type house struct {
	t       *testing.T
	rules   Rules
	store   *eventstore.Store
	vault   *seal.Vault
	bus     *bus.Publisher
	carrier *standIn
	start   func() (stop func())
	rung    []*nats.Msg
}

func newHouse(t *testing.T, rules Rules, next ...http.HandlerFunc) *house {
	t.Helper()
	pool := testkit.DB(t)
	vault := testkit.Vault(t, pool)
	js := testkit.NATS(t)
	h := &house{t: t, rules: rules, store: eventstore.New(pool, vault), vault: vault, bus: bus.NewPublisher(js), carrier: newStandIn(t, next...)}
	h.start = func() func() {
		handler := &handler{
			rules: rules, calls: 4, vault: vault, clock: time.Now,
			carrier: newSandboxCarrier(h.carrier.url, apiKey, rules.CallTimeout, time.Now),
		}
		loop := reactor.New(handler.spec(), reactor.Deps{Store: h.store, JS: js, Bus: h.bus, Log: zerolog.Nop(), Registry: prometheus.NewRegistry()})
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- loop.Run(ctx) }()
		return func() {
			cancel()
			assert.NoError(t, <-ended)
		}
	}
	return h
}

// opened is a house whose loop runs until the test ends.
func opened(t *testing.T, rules Rules, next ...http.HandlerFunc) *house {
	t.Helper()
	h := newHouse(t, rules, next...)
	t.Cleanup(h.start())
	return h
}

// happens appends what other services say of the order, and rings for it.
func (h *house) happens(messages ...proto.Message) {
	h.t.Helper()
	for _, m := range messages {
		c, o := event.CategoryOf(event.TypeOf(m)), h.state()
		news := event.Of(ident.Named("test", string(c), fmt.Sprint(o.Version(c))), time.Now(), m)
		switch m.(type) {
		case *orderv1.OrderPlaced, *orderv1.OrderEdited:
			news[0].Personal = &typev1.Person{Shipping: &typev1.Address{Name: "A. Nybody", Line1: "1 Street", City: "Kiel", Country: "DE"}}
		}
		result, err := h.store.Append(h.t.Context(), "test", []eventstore.Unit{{Appends: []eventstore.Append{{
			Entity: id, Category: c, Expected: o.Version(c), Events: news,
		}}}}, nil)
		require.NoError(h.t, err)
		for _, b := range result.Doorbells {
			data, err := proto.Marshal(b)
			require.NoError(h.t, err)
			h.rung = append(h.rung, &nats.Msg{Subject: bus.EventSubject(b), Data: data})
			h.publish(h.rung[len(h.rung)-1])
		}
	}
}

func (h *house) publish(messages ...*nats.Msg) {
	h.t.Helper()
	require.NoError(h.t, h.bus.All(h.t.Context(), messages))
}

func (h *house) events() []event.Recorded {
	h.t.Helper()
	events, err := h.store.Load(h.t.Context(), []ident.Entity{id})
	require.NoError(h.t, err)
	return events[id]
}

func (h *house) state() *order.State {
	h.t.Helper()
	o, err := order.Fold(id, h.events())
	require.NoError(h.t, err)
	return o
}

// said is what fulfillment says, by name.
func (h *house) said() []string {
	h.t.Helper()
	var names []string
	for _, e := range h.events() {
		if e.Category == event.Fulfillment {
			names = append(names, event.NameOf(e.Type))
		}
	}
	return names
}

func (h *house) untilSaid(want ...string) {
	h.t.Helper()
	require.Eventually(h.t, func() bool { return slices.Equal(want, h.said()) }, 20*time.Second, 10*time.Millisecond, "%v", want)
}

// scans posts what a carrier saw, as the ingress publishes it.
func (h *house) scans(tracking, scanID string, step intakev1.ScanStep) {
	h.t.Helper()
	delivery := ident.DeliveryOf("sandbox", "default", "scan", scanID, [32]byte{})
	d := &intakev1.Delivery{Id: delivery[:], Source: "sandbox", Facts: []*intakev1.Fact{{
		References: []string{TrackingRef("sandbox", tracking)},
		Body:       &intakev1.Fact_ScanReported{ScanReported: &intakev1.ScanReported{Carrier: "sandbox", TrackingNumber: tracking, ScanId: scanID, Step: step}},
	}}}
	data, err := proto.Marshal(d)
	require.NoError(h.t, err)
	h.publish(&nats.Msg{Subject: bus.IntakeSubject(d), Data: data})
}

const (
	isStarted     = "LabelPurchaseStarted"
	isPurchased   = "LabelPurchased"
	isFailed      = "LabelPurchaseFailed"
	isVoidStarted = "LabelVoidStarted"
	isVoided      = "LabelVoided"
	isScanned     = "ShipmentScanned"
	isDelivered   = "ShipmentDelivered"
	isClosed      = "FulfillmentClosed"
)

func TestAReleasedOrderIsShippedAndDelivered(t *testing.T) {
	t.Parallel()
	h := opened(t, quick)
	h.scans("SB1", "s1", intakev1.ScanStep_SCAN_STEP_IN_TRANSIT) // before there is a label: it waits under its number
	h.happens(released()...)
	h.untilSaid(isStarted, isPurchased, isScanned)
	h.scans("SB1", "s1", intakev1.ScanStep_SCAN_STEP_IN_TRANSIT)
	h.scans("SB1", "s2", intakev1.ScanStep_SCAN_STEP_DELIVERED)
	h.untilSaid(isStarted, isPurchased, isScanned, isDelivered)

	books, purchases := h.carrier.look()
	require.Len(t, books, 1)
	require.Len(t, purchases, 1)
	require.Equal(t, wireAddress{Name: "A. Nybody", Line1: "1 Street", City: "Kiel", Country: "DE"}, purchases[0].To)
	require.Equal(t, []wireItem{{"MUG", 1}}, purchases[0].Items)
	require.Equal(t, ship1, purchases[0].Reference)
	var at []time.Time
	for _, e := range h.events() {
		switch e.Message.(type) {
		case *orderv1.FulfillmentReleased, *fulfillmentv1.LabelPurchaseStarted:
			at = append(at, e.RecordedAt)
		}
	}
	slices.SortFunc(at, time.Time.Compare)
	require.GreaterOrEqual(t, at[1].Sub(at[0]), quick.SettleDelay, "it had settled")
}

func TestBellsThatRingAgainBuyNothing(t *testing.T) {
	t.Parallel()
	h := opened(t, quick)
	h.happens(released()...)
	h.publish(h.rung...)
	h.untilSaid(isStarted, isPurchased)
	h.publish(h.rung...)
	h.happens(held("operator")) // comes after all of that
	h.untilSaid(isStarted, isPurchased, isVoidStarted, isVoided)
	_, purchases := h.carrier.look()
	require.Len(t, purchases, 1)
}

func failing(times int) []http.HandlerFunc {
	return slices.Repeat([]http.HandlerFunc{says(http.StatusInternalServerError, `{"error":"failed"}`)}, times)
}

func TestACarrierThatFailsTwiceIsAskedThreeTimes(t *testing.T) {
	t.Parallel()
	h := opened(t, quick, failing(2)...)
	h.happens(released()...)
	h.untilSaid(isStarted, isFailed, isStarted, isFailed, isStarted, isPurchased)
	books, _ := h.carrier.look()
	require.Len(t, books, 1)
}

func TestAfterThreeFailuresAPersonIsAskedAndMayTryAgain(t *testing.T) {
	t.Parallel()
	h := opened(t, quick, failing(3)...)
	h.happens(released()...)
	h.untilSaid(isStarted, isFailed, isStarted, isFailed, isStarted, isFailed)
	require.True(t, h.state().Shipment(1).GivenUp)
	h.happens(held("label_failed"))

	command := ident.Named("command")
	c := &commandv1.Command{Id: command[:], EntityId: id[:], By: "ann", Body: &commandv1.Command_RetryLabel{RetryLabel: &commandv1.RetryLabel{}}}
	data, err := proto.Marshal(c)
	require.NoError(t, err)
	h.publish(&nats.Msg{Subject: bus.CommandSubject(service, c), Data: data})
	h.untilSaid(isStarted, isFailed, isStarted, isFailed, isStarted, isFailed, isStarted, isPurchased)
}

// What the shop ships by itself gets no second parcel, and the carrier's scans of it find the order, also those that came
// before anybody knew whose they are.
func TestTheShopShipsByItself(t *testing.T) {
	t.Parallel()
	h := opened(t, quick)
	h.scans("SHOP1", "s1", intakev1.ScanStep_SCAN_STEP_IN_TRANSIT)
	h.happens(released()...)
	h.untilSaid(isStarted, isPurchased)
	delivery := ident.DeliveryOf("checkout", "default", "shipment", "1", [32]byte{})
	d := &intakev1.Delivery{Id: delivery[:], Source: "checkout", Facts: []*intakev1.Fact{{
		Order: &typev1.OrderKey{Source: "checkout", Account: "default", Id: "1001"},
		Body: &intakev1.Fact_ShipmentReported{ShipmentReported: &intakev1.ShipmentReported{
			ShipmentId: "checkout:shipment:1", Step: intakev1.ShipmentStep_SHIPMENT_STEP_CREATED, Carrier: "sandbox", TrackingNumbers: []string{"SHOP1"},
			Lines: []*intakev1.ShippedLine{{LineId: "1", Sku: "MUG", Quantity: 1}},
		}},
	}}}
	data, err := proto.Marshal(d)
	require.NoError(t, err)
	message := &nats.Msg{Subject: bus.IntakeSubject(d), Data: data}
	h.publish(message, message)
	require.Eventually(t, func() bool {
		said := h.said()
		return slices.Contains(said, isVoided) && slices.Contains(said, isScanned)
	}, 20*time.Second, 10*time.Millisecond)
	h.scans("SHOP1", "s2", intakev1.ScanStep_SCAN_STEP_DELIVERED)
	require.Eventually(t, func() bool { return slices.Contains(h.said(), isDelivered) }, 20*time.Second, 10*time.Millisecond)
	require.Len(t, h.said(), 7, "each is recorded once: %v", h.said())
	books, _ := h.carrier.look()
	require.Len(t, books, 1)
	require.True(t, books[0].Voided, "our parcel must not leave as well")
	require.Equal(t, int64(1), h.state().Lines()[0].Delivered)
}

func TestACancelledOrdersLabelIsVoided(t *testing.T) {
	t.Parallel()
	h := opened(t, quick)
	h.happens(released()...)
	h.untilSaid(isStarted, isPurchased)
	h.happens(cancelling(1))
	h.untilSaid(isStarted, isPurchased, isVoidStarted, isVoided, isClosed)
	require.Equal(t, "voided", h.state().Fulfillment.Closed.Outcome)
	books, _ := h.carrier.look()
	require.True(t, books[0].Voided)
}

func TestACancellationWhileTheLabelIsBoughtWaitsForIt(t *testing.T) {
	t.Parallel()
	asked, goOn := make(chan struct{}), make(chan struct{})
	h := opened(t, quick)
	h.carrier.next = []http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		<-goOn
		h.carrier.buy(w, r)
	}}
	h.happens(released()...)
	<-asked
	h.happens(cancelling(1))
	close(goOn)
	h.untilSaid(isStarted, isPurchased, isVoidStarted, isVoided, isClosed)
}

func TestAnAnswerThatIsLostIsAskedForAndNotBoughtAgain(t *testing.T) {
	t.Parallel()
	patient := quick
	patient.CallTimeout = 20 * time.Second
	h := newHouse(t, patient)
	h.carrier.next = []http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
		h.carrier.buy(w, r)
		panic(http.ErrAbortHandler) // sold, and the answer never comes
	}}
	t.Cleanup(h.start())
	h.happens(released()...)
	h.untilSaid(isStarted, isPurchased) // long before the minute is over for which the attempt may be in flight
	books, purchases := h.carrier.look()
	require.Len(t, books, 1)
	require.Len(t, purchases, 1)
	require.GreaterOrEqual(t, h.carrier.requests(), 2, "and looked up")
}

func TestWhoFindsAnIntentAfterACrashAsksWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	for name, sold := range map[string]bool{"the label was bought": true, "it was never asked for": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, quick)
			h.happens(released()...)
			// A process before us wrote the intent and died around the call.
			intent := started(ship1, 1, time.Now().Add(time.Second))
			h.happens(intent)
			if sold {
				_, err := adapter(h.carrier.url).Buy(t.Context(), Parcel{Reference: ship1, Key: intent.GetIdempotencyKey(), Lines: parcel.Lines})
				require.NoError(t, err)
			}
			t.Cleanup(h.start())
			if sold {
				h.untilSaid(isStarted, isPurchased)
			} else {
				h.untilSaid(isStarted, isFailed, isStarted, isPurchased)
			}
			books, _ := h.carrier.look()
			require.Len(t, books, 1)
		})
	}
}

func TestALabelToAnOldAddressIsReplaced(t *testing.T) {
	t.Parallel()
	h := opened(t, quick)
	h.happens(released()...)
	h.untilSaid(isStarted, isPurchased)
	h.happens(edited(1, "bb"))
	h.untilSaid(isStarted, isPurchased, isVoidStarted, isVoided)
	h.happens(releasedAs(2, 1)) // as orders does once the label is void
	h.untilSaid(isStarted, isPurchased, isVoidStarted, isVoided, isStarted, isPurchased)
	books, _ := h.carrier.look()
	require.Len(t, books, 2)
	require.True(t, books[0].Voided)
	require.False(t, books[1].Voided)
}

// shut is a vault that cannot be opened.
type shut struct {
	erased bool
	err    error
}

func (s shut) Open(context.Context, ident.Entity, *typev1.Sealed) (*typev1.Person, bool, error) {
	return &typev1.Person{}, s.erased, s.err
}

func TestNoLabelIsAskedForInVain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		vault Opener
		until time.Time
		want  error
	}{
		"the address was erased":         {shut{erased: true}, flown, no(Refused, "address_erased")},
		"the address cannot be read now": {shut{err: errors.New("no database")}, flown, no(Down, "address_unreadable")},
		"it waited too long":             {shut{}, noon.Add(9 * time.Second), no(Down, "no_free_place")},
		"all is well":                    {shut{}, flown, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStandIn(t)
			h := &handler{rules: rules, vault: c.vault, clock: func() time.Time { return noon }, carrier: adapter(s.url)}
			_, err := h.do(t.Context(), given(t, released()...), buy{Shipment: ship1, Attempt: 1, Token: "k", Until: c.until, Lines: parcel.Lines})
			require.Equal(t, c.want, err)
			books, _ := s.look()
			require.Equal(t, c.want == nil, len(books) == 1)
		})
	}
}

func TestSettingsThatCannotWork(t *testing.T) {
	t.Parallel()
	good := Config{Rules: rules, CarrierURL: "https://carrier.example/api", CarrierKey: "k", CarrierCalls: 8}
	require.NoError(t, good.Check())
	for name, c := range map[string]struct {
		spoil func(*Config)
		says  string
	}{
		"no address":        {func(c *Config) { c.CarrierURL = "" }, "CARRIER_URL is not set"},
		"no URL":            {func(c *Config) { c.CarrierURL = "carrier.example" }, "CARRIER_URL cannot be read"},
		"another protocol":  {func(c *Config) { c.CarrierURL = "ftp://carrier.example" }, "CARRIER_URL cannot be read"},
		"a key in the URL":  {func(c *Config) { c.CarrierURL = "https://u:hidden@carrier.example" }, "CARRIER_URL holds more than an address"},
		"no key":            {func(c *Config) { c.CarrierKey = "" }, "CARRIER_KEY is not set"},
		"settles backwards": {func(c *Config) { c.SettleDelay = -1 }, "FULFILLMENT_SETTLE_DELAY"},
		"no pause":          {func(c *Config) { c.RetryDelay = 0 }, "FULFILLMENT_RETRY_DELAY"},
		"no patience":       {func(c *Config) { c.CallTimeout = 0 }, "CARRIER_TIMEOUT"},
		"too much patience": {func(c *Config) { c.CallTimeout = time.Minute }, "CARRIER_TIMEOUT"},
		"no calls":          {func(c *Config) { c.CarrierCalls = 0 }, "CARRIER_CALLS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad := good
			c.spoil(&bad)
			err := bad.Check()
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), "hidden")
		})
	}
}
