package amazon

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/fault"
	"github.com/orderflow/orderflow/services/ingress/amazon"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

const (
	number = "303-1234567-7654321"
	order  = `{"AmazonOrderId":"` + number + `","PurchaseDate":"2026-03-01T11:58:00Z","LastUpdateDate":"2026-03-01T12:00:01Z","OrderStatus":"Unshipped","FulfillmentChannel":"MFN","OrderTotal":{"CurrencyCode":"EUR","Amount":"42.97"},
		"PaymentMethod":"Other","BuyerInfo":{"BuyerEmail":"abc@marketplace.amazon.example"},"ShippingAddress":{"City":"Berlin","PostalCode":"10115","CountryCode":"DE"}}`
	mug     = `{"ASIN":"B0","SellerSKU":"MUG","OrderItemId":"12345678901234","Title":"Becher","QuantityOrdered":3,"QuantityShipped":0,"ItemPrice":{"CurrencyCode":"EUR","Amount":"29.97"},"ItemTax":{"CurrencyCode":"EUR","Amount":"4.79"}}`
	shirt   = `{"ASIN":"B1","SellerSKU":"TSHIRT","OrderItemId":"12345678901235","Title":"T-Shirt","QuantityOrdered":1,"QuantityShipped":0,"ItemPrice":{"CurrencyCode":"EUR","Amount":"13.00"},"ItemTax":{"CurrencyCode":"EUR","Amount":"2.08"}}`
	address = `{"AmazonOrderId":"` + number + `","ShippingAddress":{"Name":"Zoë Example","AddressLine1":"1 Example Street","City":"Berlin","PostalCode":"10115","CountryCode":"DE"}}`
)

// signal is an ORDER_CHANGE as SQS holds it, told at a minute.
func signal(id, status, at string) []byte {
	return []byte(`{"NotificationVersion":"1.0","NotificationType":"ORDER_CHANGE","EventTime":"2026-03-01T12:00:02Z","Payload":{"OrderChangeNotification":{"NotificationLevel":"OrderLevel","AmazonOrderId":"` + id +
		`","OrderChangeType":"OrderStatusChange","OrderChangeTrigger":{"TimeOfOrderChange":"` + at + `","ChangeReason":"x"},"Summary":{"OrderStatus":"` + status + `","FulfillmentType":"MFN"}}},"NotificationMetadata":{"NotificationId":"` + id + status + at + `"}}`)
}

func (w *world) signal(id, status, at string) {
	w.t.Helper()
	_, err := w.keep.keep(w.t.Context(), signal(id, status, at))
	require.NoError(w.t, err)
}

// From a notification to the order in full, over a real broker and HTTP.
func TestAnOrderThatHasChangedIsReadAndKept(t *testing.T) {
	t.Parallel()
	w, s := newWorld(t), newSeller(t)
	s.configures(w.config)
	s.orders[number], s.items[number], s.address = order, []string{"[" + mug + "]", "[]", "[" + shirt + "]"}, address
	w.run()
	w.signal(number, "Unshipped", "2026-03-01T12:00:01Z")
	w.eventually(func() bool { return len(w.kept(amazon.Order)) == 1 }, "the order is kept")

	d := w.kept(amazon.Order)[0]
	require.Nil(t, d.GetQuarantine())
	assert.Equal(t, []string{"amazon", "default"}, []string{d.GetSource(), d.GetAccount()})
	require.Len(t, d.GetFacts(), 2)
	assert.Equal(t, number, d.GetFacts()[0].GetOrder().GetId())
	described := d.GetFacts()[0].GetOrderDescribed()
	require.Len(t, described.GetLines(), 2, "of all pages")
	assert.EqualValues(t, 999, described.GetLines()[0].GetUnitPrice().GetMinorUnits())
	assert.EqualValues(t, 3, described.GetLines()[0].GetQuantity())
	assert.Equal(t, typev1.Fulfiller_FULFILLER_US, described.GetLines()[1].GetFulfiller())
	assert.EqualValues(t, 4297, described.GetTotals().GetTotal().GetMinorUnits())
	assert.EqualValues(t, 687, described.GetTotals().GetTax().GetMinorUnits())
	assert.True(t, described.GetTotals().GetTaxIncluded())
	assert.Equal(t, "1 Example Street", described.GetPerson().GetShipping().GetLine1())
	assert.EqualValues(t, 4297, d.GetFacts()[1].GetPaidClaimed().GetAmount().GetMinorUnits())
	w.eventually(func() bool { return w.counted("orderflow_amazon_signals_total", done) == 1 }, "it is acked")
	assert.Equal(t, 1, s.times("login"))
}

// Many signals are as good as one, if the order was read after they had come; and what did not change is not kept twice.
func TestSignalsAreDoorbells(t *testing.T) {
	t.Parallel()
	w, s := newWorld(t), newSeller(t)
	s.configures(w.config)
	s.orders[number], s.items[number], s.address = order, []string{"[" + mug + "]"}, address
	for _, at := range []string{"2026-03-01T11:58:00Z", "2026-03-01T11:59:00Z", "2026-03-01T12:00:01Z"} { // before it listens
		w.signal(number, "Unshipped", at)
	}
	stop := w.run()
	w.eventually(func() bool { return w.counted("orderflow_amazon_signals_total", known) == 2 }, "two were known")
	assert.Equal(t, 1, s.times("order "+number))
	w.signal(number, "Unshipped", "2026-03-01T12:05:00Z")
	w.eventually(func() bool { return w.counted("orderflow_amazon_signals_total", known) == 3 }, "it was as it was")
	assert.Equal(t, 2, s.times("order "+number))
	assert.Len(t, w.kept(amazon.Order), 1)
	stop()
}

// What Amazon ships it ships: nobody's address is asked for. The same without the role for it.
func TestAddressesAreAskedForOnlyWhereWeShip(t *testing.T) {
	t.Parallel()
	w, s := newWorld(t), newSeller(t)
	s.configures(w.config)
	s.items[number] = []string{"[" + mug + "]"}
	s.orders[number] = strings.Replace(order, `"MFN"`, `"AFN"`, 1)
	w.run()
	w.signal(number, "Unshipped", "2026-03-01T12:00:01Z")
	w.eventually(func() bool { return len(w.kept(amazon.Order)) == 1 }, "the order is kept")
	assert.Equal(t, typev1.Fulfiller_FULFILLER_CHANNEL, w.kept(amazon.Order)[0].GetFacts()[0].GetOrderDescribed().GetLines()[0].GetFulfiller())
	assert.Zero(t, s.times("restricted"))

	s.mu.Lock()
	s.orders[number], s.forbid = order, true
	s.mu.Unlock()
	w.signal(number, "Unshipped", "2026-03-01T12:06:00Z")
	w.eventually(func() bool { return len(w.kept(amazon.Order)) == 2 }, "the order is kept without an address")
	shipping := w.kept(amazon.Order)[1].GetFacts()[0].GetOrderDescribed().GetPerson().GetShipping()
	assert.Equal(t, []string{"", "Berlin"}, []string{shipping.GetLine1(), shipping.GetCity()})
	assert.Contains(t, w.log.String(), "may not be read")
	assert.Zero(t, s.times("address "+number))
}

// What passes is tried again without end, what does not is given up where everybody sees it, and nothing is said of the
// order's words.
func TestFailures(t *testing.T) {
	t.Parallel()
	w, s := newWorld(t), newSeller(t)
	s.configures(w.config)
	s.orders[number], s.items[number], s.address = order, []string{"[" + mug + "]"}, address
	s.fail = []func(http.ResponseWriter){
		func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "1")
			answer(w, http.StatusTooManyRequests, `{"errors":[{"code":"QuotaExceeded","message":"You exceeded your quota for the requested resource."}]}`)
		},
		func(w http.ResponseWriter) { answer(w, http.StatusServiceUnavailable, `Zoë`) },
	}
	w.run()
	w.signal(number, "Unshipped", "2026-03-01T12:00:01Z")
	w.eventually(func() bool { return len(w.kept(amazon.Order)) == 1 }, "the order is kept in the end")
	w.eventually(func() bool { return w.counted("orderflow_amazon_signals_total", done) == 1 }, "it is acked")
	assert.InDelta(t, 2, w.counted("orderflow_amazon_signals_total", later), 0)
	assert.Contains(t, w.log.String(), "takes no more calls")
	assert.Contains(t, w.log.String(), "getOrder 503")

	w.signal("404-0000000-0000000", "Unshipped", "2026-03-01T12:00:01Z")
	w.eventually(func() bool { return w.counted("orderflow_amazon_signals_total", givenUp) == 1 }, "it is given up")
	dead, err := bus.DeadMessages(t.Context(), w.js)
	require.NoError(t, err)
	require.Len(t, dead, 1)
	assert.Equal(t, "getOrder 404 NotFound: it is not there", dead[0].GetError())
}

// Amazon's answers may lag behind its notifications: an order that is still as it was is read again.
func TestAnAnswerThatIsOlderThanItsSignalIsNotTaken(t *testing.T) {
	t.Parallel()
	w, s := newWorld(t), newSeller(t)
	s.configures(w.config)
	s.orders[number], s.items[number], s.address = order, []string{"[" + mug + "]"}, address
	s.orders[number] = strings.NewReplacer("Unshipped", "Pending", "12:00:01", "11:58:00").Replace(order)
	w.run()
	w.signal(number, "Unshipped", "2026-03-01T12:00:01Z")
	w.eventually(func() bool { return w.counted("orderflow_amazon_signals_total", later) == 1 }, "it waits")
	assert.Empty(t, w.kept(amazon.Order))
	s.mu.Lock()
	s.orders[number] = order
	s.mu.Unlock()
	w.eventually(func() bool { return len(w.kept(amazon.Order)) == 1 }, "the order is kept")
	assert.NotNil(t, w.kept(amazon.Order)[0].GetFacts()[0].GetOrderDescribed())
}

func TestStale(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		change amazon.Change
		order  orderAt
		want   bool
	}{
		"another status, older": {amazon.Change{Status: "Unshipped", At: noon}, orderAt{status: "Pending", updated: noon.Add(-time.Second)}, true},
		"another status, newer": {amazon.Change{Status: "Unshipped", At: noon}, orderAt{status: "Shipped", updated: noon.Add(time.Second)}, false},
		"the same status":       {amazon.Change{Status: "Unshipped", At: noon}, orderAt{status: "Unshipped", updated: noon.Add(-time.Hour)}, false},
		"no time":               {amazon.Change{Status: "Unshipped"}, orderAt{status: "Pending"}, false},
		"no status":             {amazon.Change{At: noon}, orderAt{status: "Pending"}, false},
	} {
		assert.Equal(t, c.want, stale(c.change, c.order), name)
	}
}

func TestPauses(t *testing.T) {
	t.Parallel()
	plain := fault.New(fault.Transient, "x")
	assert.Equal(t, 2*time.Second, pauseOf(plain, 1))
	assert.Equal(t, 16*time.Second, pauseOf(plain, 4))
	assert.Equal(t, longestPause, pauseOf(plain, 9))
	assert.Equal(t, longestPause, pauseOf(plain, 1<<40))
	assert.Equal(t, time.Minute, pauseOf(&busy{time.Minute, "x"}, 1))
}

// A token that was refused is not used again, and one that is good is not asked for again.
func TestTokens(t *testing.T) {
	t.Parallel()
	s := newSeller(t)
	c := &Config{Timeout: time.Second}
	s.configures(c)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	a := newAPI(c, func() time.Time { return now }, noLog)
	for range 3 {
		got, err := a.tokens.access(t.Context())
		require.NoError(t, err)
		assert.Equal(t, accessToken, got)
	}
	assert.Equal(t, 1, s.times("login"))
	now = now.Add(time.Hour - early)
	_, err := a.tokens.access(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 2, s.times("login"))

	var into any
	err = a.call(t.Context(), getOrder, http.MethodGet, "/orders/v0/orders/1", "Atza|another", nil, &into)
	require.ErrorIs(t, err, errForbidden)
	require.EqualError(t, err, "getOrder 403 Unauthorized: it is forbidden")
	assert.Equal(t, fault.Transient, fault.KindOf(err))
	a.tokens.forget(accessToken)
	_, err = a.tokens.access(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 3, s.times("login"))
}

// Only what is an id becomes a part of a path.
func TestIDs(t *testing.T) {
	t.Parallel()
	a := newAPI(&Config{API: "http://127.0.0.1:1"}, time.Now, noLog)
	for _, id := range []string{"", "..", "1/../2", "1?x=y", "1#", "1 2", strings.Repeat("1", 65)} {
		_, err := a.order(t.Context(), id)
		assert.Equal(t, fault.Rejected, fault.KindOf(err), id)
	}
}

// Deliveries of other accounts and other topics are passed over.
func TestOnlySignalsOfTheAccountAreFollowed(t *testing.T) {
	t.Parallel()
	w, s := newWorld(t), newSeller(t)
	s.configures(w.config)
	s.orders[number], s.items[number], s.address = order, []string{"[" + mug + "]"}, address
	w.keep.account.Name = "second"
	w.signal(number, "Unshipped", "2026-03-01T12:00:01Z")
	w.keep.account.Name = "default"
	_, err := w.keep.keep(t.Context(), []byte(`{"NotificationType":"REPORT_PROCESSING_FINISHED"}`))
	require.NoError(t, err)
	w.run()
	w.eventually(func() bool { return acked(w) == 2 }, "both are acked")
	assert.Zero(t, s.times("order "+number))
	var none []*intakev1.Delivery
	assert.Equal(t, none, w.kept(amazon.Order))
}

func acked(w *world) uint64 {
	c, err := w.js.Consumer(w.t.Context(), bus.Intake, bus.SourceDurable(service, service).Name)
	if err != nil {
		return 0
	}
	info, err := c.Info(w.t.Context())
	require.NoError(w.t, err)
	return info.AckFloor.Stream
}
