package orders

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"

	commandv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/command/v1"
	fraudv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fraud/v1"
	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

const (
	opened = intakev1.DisputeStep_DISPUTE_STEP_OPENED
	review = fraudv1.Verdict_VERDICT_REVIEW
	reject = fraudv1.Verdict_VERDICT_REJECT

	kindFraud    = orderv1.HoldKind_HOLD_KIND_FRAUD
	kindPayment  = orderv1.HoldKind_HOLD_KIND_PAYMENT
	kindStock    = orderv1.HoldKind_HOLD_KIND_STOCK
	kindAddress  = orderv1.HoldKind_HOLD_KIND_ADDRESS
	kindOperator = orderv1.HoldKind_HOLD_KIND_OPERATOR
	kindEdit     = orderv1.HoldKind_HOLD_KIND_EDIT
)

// story is one sentence of the rules: given these events, when this comes, then these events.
type story struct {
	given []proto.Message
	when  reactor.Trigger
	then  []string
}

func tell(t *testing.T, now time.Time, stories map[string]story) {
	t.Helper()
	for name, c := range stories {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := given(t, c.given...)
			d := decide(t, rules, s, c.when, now)
			assert.Equal(t, c.then, names(d))
			again, err := rules.Decide(s.Clone(), ring, now)
			require.NoError(t, err)
			assert.Empty(t, names(again), "looking again gives nothing")
		})
	}
}

// ready is a placed order with every gate open.
func ready(changes ...func(*intakev1.OrderDescribed)) []proto.Message {
	return []proto.Message{placed(changes...), captured(50), cleared, allocated(2)}
}

func TestAnOrderIsPlacedAndReleased(t *testing.T) {
	t.Parallel()
	tell(t, noon, map[string]story{
		"described":                     {nil, describedAs(described()), []string{"OrderPlaced"}},
		"described again":               {[]proto.Message{placed()}, describedAs(described()), nil},
		"described anew":                {[]proto.Message{placed()}, describedAs(described(quantity(1), at(noon.Add(time.Second)))), []string{"OrderEdited"}},
		"described as before, later":    {[]proto.Message{placed()}, describedAs(described(at(noon.Add(time.Second)))), []string{"OrderEdited"}},
		"an older description":          {[]proto.Message{placed()}, describedAs(described(quantity(1), at(noon.Add(-time.Second)))), nil},
		"the shop's word after a draft": {[]proto.Message{placed(asDraft)}, describedAs(described(at(noon.Add(-time.Hour)))), []string{"OrderEdited"}},
		"a draft after the shop's word": {[]proto.Message{placed()}, describedAs(described(asDraft, at(noon.Add(time.Hour)))), nil},
		"paid before it was placed":     {[]proto.Message{captured(50)}, describedAs(described()), []string{"OrderPlaced"}},
		"every gate open":               {ready(), ring, []string{"FulfillmentReleased"}},
		"not paid":                      {[]proto.Message{placed(), cleared, allocated(2)}, ring, nil},
		"not scored":                    {[]proto.Message{placed(), captured(50), allocated(2)}, ring, nil},
		"not reserved":                  {[]proto.Message{placed(), captured(50), cleared}, ring, nil},
		"released once":                 {events(ready(), released(1, 2)), ring, nil},
		"a label is on its way":         {events(ready(), released(1, 2), labelStarted("1")), ring, nil},
		"the label was voided":          {events(ready(), released(1, 2), label("1"), voided("1")), ring, []string{"FulfillmentReleased"}},
		"voided, but it left":           {events(ready(), released(1, 2), label("1"), voided("1"), scan("1")), ring, nil},
		"edited before the label":       {events(ready(), released(1, 2), edited(quantity(1)), allocated(1)), ring, []string{"FulfillmentReleased"}},
		"edited, not reserved yet":      {events(ready(), released(1, 2), edited(quantity(1))), ring, nil},
		"edited between two attempts":   {events(ready(), released(1, 2), labelStarted("1"), labelFailed("1", false), edited(quantity(1)), allocated(1)), ring, []string{"FulfillmentReleased"}},
		"edited with a label":           {events(ready(), released(1, 2), label("1"), edited(quantity(1))), ring, []string{"HoldPlaced"}},
		"and its label voided":          {events(ready(), released(1, 2), label("1"), edited(quantity(1)), hold(kindEdit, "edited_after_label"), voided("1"), allocated(1)), ring, []string{"HoldReleased", "FulfillmentReleased"}},
		"nothing to ship":               {[]proto.Message{placed(digital), captured(50), cleared}, ring, []string{"OrderCompleted"}},
		"nothing to ship, not paid":     {[]proto.Message{placed(digital), cleared}, ring, nil},
		"more is wanted after it ended": {[]proto.Message{placed(digital), captured(50), cleared, &orderv1.OrderCompleted{}, edited()}, ring, nil},
		"and it is there":               {[]proto.Message{placed(digital), captured(50), cleared, &orderv1.OrderCompleted{}, edited(), allocated(2)}, ring, []string{"FulfillmentReleased"}},
		"shipped":                       {events(ready(), released(1, 2), label("1"), scan("1")), ring, nil},
		"delivered":                     {events(ready(), released(1, 2), label("1"), scan("1"), deliveredScan("1")), ring, nil},
		"delivered, and raised since":   {events(ready(), released(1, 2), label("1"), scan("1"), deliveredScan("1"), edited(quantity(3))), ring, []string{"HoldPlaced"}},
		"delivered, and lowered since":  {events(ready(), released(1, 2), label("1"), scan("1"), deliveredScan("1"), edited(quantity(1))), ring, nil},
		"held, and it left":             {events(ready(), released(1, 2), label("1"), hold(kindAddress, "no_address"), scan("1")), ring, []string{"HoldReleased"}},
	})
}

// readAgain is another reading of the delivery that told the one description: it should have been the other.
func readAgain(wrong, right *intakev1.OrderDescribed, revision uint32) reactor.Trigger {
	t := describedAs(right)
	t.Report, t.Revision = report(wrong), revision
	return t
}

func TestADescriptionThatIsReadAgain(t *testing.T) {
	t.Parallel()
	later := at(noon.Add(time.Hour))
	wrong := described(quantity(9), later)
	told := []proto.Message{placed(quantity(9), later)}
	corrected := rules.description(&intakev1.Fact{Order: key}, described(), readAgain(wrong, described(), 1))
	tell(t, noon, map[string]story{
		"it says the same":                   {told, readAgain(wrong, wrong, 1), []string{"OrderEdited"}},
		"it is older than it was said to be": {told, readAgain(wrong, described(), 1), []string{"OrderEdited"}},
		"only its time was wrong":            {told, readAgain(wrong, described(quantity(9)), 1), []string{"OrderEdited"}},
		"the first reading comes after it":   {[]proto.Message{&orderv1.OrderPlaced{Description: corrected}}, describedAs(wrong), nil},
		"nobody knew of it, and it is older": {[]proto.Message{placed()}, readAgain(wrong, described(at(noon.Add(-time.Hour))), 1), []string{"OrderEdited"}},
	})
	s := given(t, told...)
	d := decide(t, rules, s, readAgain(wrong, described(), 1), noon)
	require.Equal(t, int64(2), s.With(event.Order, d.Events...).Order.Description.GetLines()[0].GetQuantity())
}

func TestWhatAnImportTellsDoesNothing(t *testing.T) {
	t.Parallel()
	imported := &orderv1.OrderPlaced{Description: description(), Historic: true}
	tell(t, noon.Add(1000*time.Hour), map[string]story{
		"placed":                     {nil, historic(describedAs(described())), []string{"OrderPlaced"}},
		"every gate open":            {[]proto.Message{imported, captured(50), cleared, allocated(2)}, ring, nil},
		"never paid":                 {[]proto.Message{imported}, ring, nil},
		"cancelled":                  {[]proto.Message{imported}, cancelled(), []string{"OrderCancelled"}},
		"cancelled, told first":      {nil, historic(cancelled()), []string{"OrderCancelled"}},
		"and then placed":            {[]proto.Message{&orderv1.OrderCancelled{}}, historic(describedAs(described())), []string{"OrderPlaced"}},
		"cancelled by a webhook":     {[]proto.Message{cancelling(1, "shop")}, historic(describedAs(described())), []string{"OrderPlaced", "OrderCancelled"}},
		"an operator cancels":        {[]proto.Message{imported}, command(&commandv1.CancelOrder{}), []string{"CommandRefused"}},
		"an operator holds":          {[]proto.Message{imported}, command(&commandv1.HoldOrder{}), []string{"CommandRefused"}},
		"described by a webhook now": {[]proto.Message{imported}, describedAs(described(quantity(3), at(noon.Add(time.Hour)))), []string{"OrderEdited"}},
	})
}

func TestACancellationIsAConversation(t *testing.T) {
	t.Parallel()
	asked := events(ready(), cancelling(1, "shop"))
	tell(t, noon, map[string]story{
		"asked by the shop":             {ready(), cancelled(), []string{"OrderCancelling"}},
		"asked before the order":        {nil, cancelled(), []string{"OrderCancelling"}},
		"asked twice":                   {asked, cancelled(), nil},
		"fulfillment has answered":      {events(asked, fulfillmentClosed(1, "")), ring, nil},
		"all but payment have":          {events(asked, answered(1)[:2]), ring, nil},
		"all have":                      {events(asked, answered(1)), ring, []string{"OrderCancelled"}},
		"the order comes last":          {events(cancelling(1, "shop"), answered(1), &orderv1.OrderCancelled{}), describedAs(described()), []string{"OrderPlaced"}},
		"answers to an earlier one":     {events(ready(), released(1, 2), cancelling(1, "shop"), answered(1)[1:], fulfillmentClosed(1, "void_refused"), refusal(1), cancelling(2, "anna")), ring, nil},
		"refused":                       {events(ready(), released(1, 2), label("1"), scan("1"), cancelling(1, "shop"), fulfillmentClosed(1, "already_shipped")), ring, []string{"CancellationRefused"}},
		"refused, and it goes on":       {events(asked, fulfillmentClosed(1, "void_refused")), ring, []string{"CancellationRefused", "FulfillmentReleased"}},
		"refused and told again":        {events(ready(), released(1, 2), label("1"), scan("1"), cancelling(1, "shop"), refusal(1)), cancelled(), nil},
		"refused, asked by others":      {events(ready(), released(1, 2), cancelling(1, "shop"), refusal(1), cancelling(2, "anna"), refusal(2)), cancelled(), nil},
		"after it was cancelled":        {events(asked, answered(1), &orderv1.OrderCancelled{}), cancelled(), nil},
		"delivered and then cancelled":  {events(ready(), released(1, 2), label("1"), scan("1"), deliveredScan("1"), &orderv1.OrderCompleted{}), cancelled(), []string{"OrderCancelling"}},
		"which is refused":              {events(ready(), released(1, 2), label("1"), scan("1"), deliveredScan("1"), &orderv1.OrderCompleted{}, cancelling(1, "shop"), fulfillmentClosed(1, "already_shipped")), ring, []string{"CancellationRefused"}},
		"nothing to ship, cancelled":    {events(placed(digital), captured(50), cleared, &orderv1.OrderCompleted{}, cancelling(1, "shop"), answered(1)), ring, []string{"OrderCancelled"}},
		"nobody paid":                   {events(placed(), cancelling(1, "expiry"), answered(1)), ring, []string{"OrderExpired"}},
		"rejected by fraud":             {[]proto.Message{placed(), captured(50), scored(reject)}, ring, []string{"OrderCancelling"}},
		"rejected, but it left":         {events(ready(), released(1, 2), label("1"), scan("1"), &fraudv1.ReviewDecided{Verdict: reject}), ring, nil},
		"rejected, refused before":      {events(ready(), released(1, 2), label("1"), cancelling(1, "fraud"), refusal(1), &fraudv1.ReviewDecided{Verdict: reject}), ring, []string{"HoldPlaced"}},
		"rejected and refunded":         {events(ready(), released(1, 2), label("1"), cancelling(1, "fraud"), refusal(1), &fraudv1.ReviewDecided{Verdict: reject}, refunded(50)), ring, []string{"OrderCancelling"}},
		"refunded whole":                {events(ready(), refunded(50)), ring, []string{"OrderCancelling"}},
		"refunded before it was paid":   {[]proto.Message{placed(), refunded(50)}, ring, nil},
		"and then paid":                 {[]proto.Message{placed(), refunded(50), captured(50)}, ring, []string{"OrderCancelling"}},
		"went back beyond a claim":      {[]proto.Message{placed(), &paymentv1.PaymentClaimed{Amount: usd(10)}, refunded(20)}, ring, nil},
		"another one went back ahead":   {[]proto.Message{placed(), refunded(20), second(20)}, ring, nil},
		"refunded in part":              {events(ready(), refunded(10)), ring, []string{"FulfillmentReleased"}},
		"disputed before the release":   {events(ready(), dispute(opened)), ring, nil},
		"disputed after the release":    {events(ready(), released(1, 2), dispute(opened)), ring, nil},
		"lost before the release":       {events(ready(), dispute(intakev1.DisputeStep_DISPUTE_STEP_LOST)), ring, []string{"OrderCancelling"}},
		"lost after the release":        {events(ready(), released(1, 2), dispute(intakev1.DisputeStep_DISPUTE_STEP_LOST)), ring, []string{"OrderCancelling"}},
		"lost, and paid with another":   {events(ready(), second(50), dispute(intakev1.DisputeStep_DISPUTE_STEP_LOST)), ring, []string{"FulfillmentReleased"}},
		"charged back after it shipped": {events(ready(), released(1, 2), label("1"), scan("1"), dispute(intakev1.DisputeStep_DISPUTE_STEP_LOST)), ring, nil},
	})
}

func TestHolds(t *testing.T) {
	t.Parallel()
	const most = 1<<63 - 1
	tell(t, noon, map[string]story{
		"no address":                 {nil, describedAs(described(noAddress)), []string{"OrderPlaced", "HoldPlaced"}},
		"no address, nothing to go":  {nil, describedAs(described(noAddress, digital)), []string{"OrderPlaced"}},
		"the address comes":          {[]proto.Message{placed(noAddress), hold(kindAddress, "no_address")}, describedAs(described(at(noon.Add(time.Second)))), []string{"OrderEdited", "HoldReleased"}},
		"unknown currency":           {nil, describedAs(described(func(o *intakev1.OrderDescribed) { o.Currency = "XQQ" })), []string{"OrderPlaced", "HoldPlaced"}},
		"no currency":                {nil, describedAs(described(func(o *intakev1.OrderDescribed) { o.Currency = "" })), []string{"OrderPlaced", "HoldPlaced"}},
		"negative quantity":          {nil, describedAs(described(quantity(-3))), []string{"OrderPlaced", "HoldPlaced"}},
		"huge quantity":              {nil, describedAs(described(quantity(most))), []string{"OrderPlaced", "HoldPlaced"}},
		"negative total":             {nil, describedAs(described(total(-1))), []string{"OrderPlaced", "HoldPlaced"}},
		"it does not add up":         {nil, describedAs(described(total(60))), []string{"OrderPlaced", "HoldPlaced"}},
		"a rounding of its taxes":    {nil, describedAs(described(total(51))), []string{"OrderPlaced"}},
		"no SKU":                     {nil, describedAs(described(func(o *intakev1.OrderDescribed) { o.Lines[0].Sku = "" })), []string{"OrderPlaced", "HoldPlaced"}},
		"no lines":                   {nil, describedAs(described(func(o *intakev1.OrderDescribed) { o.Lines, o.Totals.Total.MinorUnits = nil, 0 })), []string{"OrderPlaced", "HoldPlaced"}},
		"no lines in a draft":        {[]proto.Message{captured(50), cleared}, describedAs(described(asDraft, func(o *intakev1.OrderDescribed) { o.Lines = nil })), []string{"OrderPlaced", "HoldPlaced"}},
		"the shop says what it is":   {[]proto.Message{captured(50), placed(asDraft, func(o *intakev1.OrderDescribed) { o.Lines = nil }), hold(kindEdit, "no_lines")}, describedAs(described()), []string{"OrderEdited", "HoldReleased"}},
		"a doubtful score":           {[]proto.Message{placed(), captured(50), scored(review)}, ring, []string{"HoldPlaced"}},
		"a person clears it":         {[]proto.Message{placed(), captured(50), scored(review), hold(kindFraud, "score_above_limit"), &fraudv1.ReviewDecided{Verdict: fraudv1.Verdict_VERDICT_CLEAR}}, ring, []string{"HoldReleased"}},
		"a person rejects it":        {[]proto.Message{placed(), captured(50), scored(review), hold(kindFraud, "score_above_limit"), &fraudv1.ReviewDecided{Verdict: reject}}, ring, []string{"OrderCancelling"}},
		"another currency was paid":  {[]proto.Message{placed(), &paymentv1.PaymentCaptured{Movement: &paymentv1.Movement{Names: []string{"p"}, Amount: &typev1.Money{MinorUnits: 50, Currency: "EUR"}, Witness: 1}}}, ring, []string{"HoldPlaced"}},
		"stock is overdue":           {[]proto.Message{placed(), backordered(noon)}, ring, []string{"HoldPlaced"}},
		"stock is not overdue yet":   {[]proto.Message{placed(), backordered(noon.Add(time.Second))}, ring, nil},
		"stock comes after all":      {[]proto.Message{placed(), captured(50), cleared, backordered(noon), hold(kindStock, "backorder_overdue"), allocated(2)}, ring, []string{"HoldReleased", "FulfillmentReleased"}},
		"no label could be bought":   {events(ready(), released(1, 2), labelStarted("1"), labelFailed("1", true)), ring, []string{"HoldPlaced"}},
		"an operator's hold stays":   {events(ready(), hold(kindOperator, reasonOperator)), ring, nil},
		"a payment of another order": {events(ready(), elsewhere), ring, []string{"HoldPlaced"}},
		"which a person waives":      {events(ready(), elsewhere, hold(kindPayment, "payment_of_another_order")), command(&commandv1.ReleaseHold{Kind: "payment"}), []string{"HoldReleased", "FulfillmentReleased"}},
		"a waived hold is not asked": {[]proto.Message{placed(noAddress), hold(kindAddress, "no_address"), &orderv1.HoldReleased{Kind: kindAddress, HoldReason: "no_address", By: "anna"}}, ring, nil},
		"but after an edit it is":    {[]proto.Message{placed(noAddress), &orderv1.HoldReleased{Kind: kindAddress, HoldReason: "no_address", By: "anna"}}, describedAs(described(noAddress, quantity(1), at(noon.Add(time.Second)))), []string{"OrderEdited", "HoldPlaced"}},
	})
}

func TestWhatSomebodyElseShips(t *testing.T) {
	t.Parallel()
	twice := hold(kindEdit, "shipped_elsewhere")
	waived := &orderv1.HoldReleased{Kind: kindEdit, HoldReason: "shipped_elsewhere", By: "anna"}
	void := &fulfillmentv1.LabelVoided{ShipmentId: parcel("1"), Reason: "shipped by somebody else"}
	all, back := shippedElsewhere(2, "1Z1"), shippedElsewhere(2, "1Z1")
	back.Step = intakev1.ShipmentStep_SHIPMENT_STEP_CANCELLED
	tell(t, noon, map[string]story{
		"all of it: nothing is left to do": {events(ready()[:3], all), ring, []string{"OrderCompleted"}},
		"not paid yet":                     {[]proto.Message{placed(), cleared, all}, ring, nil},
		"taken back before its stock came": {events(ready()[:3], all, &orderv1.OrderCompleted{}, back), ring, nil},
		"taken back, and reserved again":   {events(ready()[:3], all, &orderv1.OrderCompleted{}, back, allocated(2)), ring, []string{"FulfillmentReleased"}},
		"a part of it: the rest goes":      {events(ready()[:3], shippedElsewhere(1), allocated(1)), ring, []string{"FulfillmentReleased"}},
		"after the release":                {events(ready(), released(1, 2), shippedElsewhere(1), allocated(1)), ring, []string{"FulfillmentReleased"}},
		"the rest, and theirs has left":    {events(ready()[:3], shippedElsewhere(1, "SB9"), scan("9"), allocated(1)), ring, []string{"FulfillmentReleased"}},

		"it has a label":                  {events(ready(), released(1, 2), label("1"), all), ring, []string{"HoldPlaced"}},
		"which is void by now":            {events(ready(), released(1, 2), label("1"), all, twice, void), ring, nil},
		"a person has seen to it":         {events(ready()[:3], released(1, 2), label("1"), all, twice, void, waived), ring, []string{"OrderCompleted"}},
		"void for another reason":         {events(ready()[:3], released(1, 2), label("1"), voided("1"), all), ring, []string{"OrderCompleted"}},
		"our own number":                  {events(ready(), released(1, 2), label("1"), shippedElsewhere(2, "SB1")), ring, nil},
		"marked by hand before it left":   {events(ready(), released(1, 2), label("1"), shippedElsewhere(2)), ring, []string{"HoldPlaced"}},
		"and then it left":                {events(ready(), released(1, 2), label("1"), shippedElsewhere(2), twice, scan("1")), ring, []string{"HoldReleased"}},
		"both have left":                  {events(ready(), released(1, 2), label("1"), scan("1"), all), ring, []string{"HoldPlaced"}},
		"cancelled: too late":             {events(ready()[:3], shippedElsewhere(1), cancelling(1, "shop"), fulfillmentClosed(1, "already_shipped")), ring, []string{"CancellationRefused", "HoldPlaced"}},
		"cancelled: nothing is left":      {events(ready()[:3], all, cancelling(1, "shop"), fulfillmentClosed(1, "already_shipped")), ring, []string{"CancellationRefused", "OrderCompleted"}},
		"refunded: no reason to stop now": {events(ready()[:3], all, refunded(50)), ring, nil},
	})
}

// It asks one question, however long that takes: the money is there.
func TestAPaymentOfAnotherOrderIsNotOverdue(t *testing.T) {
	t.Parallel()
	tell(t, noon.Add(1000*time.Hour), map[string]story{
		"held":                 {events(ready(), elsewhere, hold(kindPayment, "payment_of_another_order")), ring, nil},
		"and too little of it": {events(placed(), captured(20), cleared, allocated(2), elsewhere, hold(kindPayment, "payment_of_another_order")), ring, []string{"HoldPlaced"}},
		"it has left":          {events(ready(), released(1, 2), label("1"), scan("1"), elsewhere), ring, nil},
	})
}

// moneyAhead is a refund of a payment that nobody has told of yet.
var moneyAhead = &paymentv1.PaymentRefunded{
	Names: []string{"stripe:pi_1"}, Amount: usd(50), RefundId: "re_1", Step: intakev1.RefundStep_REFUND_STEP_SETTLED, Witness: intakev1.Witness_WITNESS_PROVIDER,
}

var elsewhere = &paymentv1.AmountMismatched{Kind: order.MismatchElsewhere}

func TestCommandsAreAlwaysAnswered(t *testing.T) {
	t.Parallel()
	shipped := events(ready(), released(1, 2), label("1"), scan("1"))
	ended := events(ready(), cancelling(1, "shop"), answered(1), &orderv1.OrderCancelled{})
	tell(t, noon, map[string]story{
		"cancel":                       {ready(), command(&commandv1.CancelOrder{}), []string{"OrderCancelling"}},
		"cancel what is not there":     {nil, command(&commandv1.CancelOrder{}), []string{"CommandRefused"}},
		"cancel what has ended":        {ended, command(&commandv1.CancelOrder{}), []string{"CommandRefused"}},
		"cancel what is cancelling":    {events(ready(), cancelling(1, "shop")), command(&commandv1.CancelOrder{}), []string{"CommandRefused"}},
		"cancel what has left":         {shipped, command(&commandv1.CancelOrder{}), []string{"CommandRefused"}},
		"hold":                         {[]proto.Message{placed()}, command(&commandv1.HoldOrder{}), []string{"HoldPlaced"}},
		"hold at the last moment":      {ready(), command(&commandv1.HoldOrder{}), []string{"HoldPlaced"}},
		"hold what is held":            {[]proto.Message{placed(), hold(kindOperator, reasonOperator)}, command(&commandv1.HoldOrder{}), []string{"CommandRefused"}},
		"hold what has left":           {shipped, command(&commandv1.HoldOrder{}), []string{"CommandRefused"}},
		"hold what has ended":          {ended, command(&commandv1.HoldOrder{}), []string{"CommandRefused"}},
		"hold what is not there":       {nil, command(&commandv1.HoldOrder{}), []string{"CommandRefused"}},
		"release":                      {events(ready(), hold(kindOperator, reasonOperator)), command(&commandv1.ReleaseHold{Kind: "Operator"}), []string{"HoldReleased", "FulfillmentReleased"}},
		"release what is not held":     {ready()[:1], command(&commandv1.ReleaseHold{Kind: "stock"}), []string{"CommandRefused"}},
		"release without a kind":       {ready()[:1], command(&commandv1.ReleaseHold{}), []string{"CommandRefused"}},
		"release a fraud hold":         {[]proto.Message{placed(), captured(50), scored(review), hold(kindFraud, "score_above_limit")}, command(&commandv1.ReleaseHold{Kind: "fraud"}), []string{"CommandRefused"}},
		"waive the missing address":    {[]proto.Message{placed(noAddress), captured(50), cleared, allocated(2), hold(kindAddress, "no_address")}, command(&commandv1.ReleaseHold{Kind: "address"}), []string{"HoldReleased", "FulfillmentReleased"}},
		"a command of somebody else's": {[]proto.Message{placed()}, command(&commandv1.RetryLabel{}), []string{"CommandRefused"}},
		"a command without a body":     {[]proto.Message{placed()}, command(nil), []string{"CommandRefused"}},
	})
}

func TestAPersonIsNeverTheRule(t *testing.T) {
	t.Parallel()
	s := given(t, placed(noAddress), hold(kindAddress, "no_address"))
	trigger := command(&commandv1.ReleaseHold{Kind: "address"})
	trigger.Command.By = order.ByRule
	decide(t, rules, s, trigger, noon)
	assert.Empty(t, s.Order.Holds)
	assert.True(t, s.Order.IsWaived(kindAddress, "no_address"))
}

func TestDeadlines(t *testing.T) {
	t.Parallel()
	authorised := &paymentv1.PaymentAuthorized{Movement: captured(50).GetMovement()}
	euros := &paymentv1.PaymentCaptured{Movement: &paymentv1.Movement{Names: []string{"p"}, Amount: &typev1.Money{MinorUnits: 50, Currency: "EUR"}, Witness: 1}}
	tell(t, noon.Add(169*time.Hour), map[string]story{
		"never paid":                      {[]proto.Message{placed(), allocated(2)}, ring, []string{"OrderCancelling"}},
		"never paid, edited":              {[]proto.Message{placed(), edited(quantity(1)), allocated(1)}, ring, []string{"OrderCancelling"}},
		"authorised and given up":         {[]proto.Message{placed(), authorised, &paymentv1.PaymentVoided{Movement: captured(50).GetMovement()}, cleared, allocated(2)}, ring, []string{"OrderCancelling"}},
		"authorised, never captured":      {[]proto.Message{placed(), authorised, cleared, allocated(2)}, ring, []string{"HoldPlaced"}},
		"paid in part":                    {[]proto.Message{placed(), captured(20), cleared, allocated(2)}, ring, []string{"HoldPlaced"}},
		"paid in part, and then the rest": {[]proto.Message{placed(), captured(50), cleared, allocated(2), hold(kindPayment, "payment_overdue")}, ring, []string{"HoldReleased", "FulfillmentReleased"}},
		"disputed for a week":             {[]proto.Message{placed(), captured(50), dispute(opened), cleared, allocated(2)}, ring, []string{"HoldPlaced"}},
		"paid in another currency":        {[]proto.Message{placed(), euros, allocated(2)}, ring, []string{"HoldPlaced", "HoldPlaced"}},
		"refunded, never told as paid":    {[]proto.Message{placed(), moneyAhead, allocated(2)}, ring, []string{"HoldPlaced"}},
		"and then it is told":             {[]proto.Message{placed(), moneyAhead, allocated(2), hold(kindPayment, "payment_overdue"), captured(50)}, ring, []string{"OrderCancelling"}},
		"asked by an edit for more":       {[]proto.Message{placed(), captured(50), cleared, allocated(2), released(1, 2), edited(quantity(4)), allocated(4)}, ring, []string{"HoldPlaced"}},
		"fraud is silent":                 {[]proto.Message{placed(), captured(50), allocated(2)}, ring, []string{"HoldPlaced"}},
		"inventory is silent":             {[]proto.Message{placed(), captured(50), cleared}, ring, []string{"HoldPlaced"}},
		"fraud has spoken":                {[]proto.Message{placed(), captured(50), allocated(2), hold(kindOperator, "service_overdue"), cleared}, ring, []string{"HoldReleased", "FulfillmentReleased"}},
		"nobody closes a cancellation":    {events(ready(), cancelling(1, "shop"), fulfillmentClosed(1, "")), ring, []string{"HoldPlaced"}},
		"it is closed after all":          {events(ready(), cancelling(1, "shop"), hold(kindOperator, "cancellation_overdue"), answered(1)), ring, []string{"OrderCancelled"}},
		"it is refused after all":         {events(ready(), cancelling(1, "shop"), hold(kindOperator, "cancellation_overdue"), fulfillmentClosed(1, "void_refused")), ring, []string{"CancellationRefused", "HoldReleased", "FulfillmentReleased"}},
		"waits for stock":                 {[]proto.Message{placed(), captured(50), cleared, backordered(noon.Add(500 * time.Hour))}, ring, nil},
		"shipped":                         {events(ready(), released(1, 2), label("1"), scan("1")), ring, nil},
	})
}

func TestADeadlineOfZeroIsNever(t *testing.T) {
	t.Parallel()
	never := rules
	never.PaymentDeadline, never.ServiceDeadline = 0, 0
	s := given(t, placed())
	assert.Empty(t, names(decide(t, never, s, ring, noon.Add(10000*time.Hour))))
	s = given(t, placed(), captured(20))
	assert.Empty(t, names(decide(t, never, s, ring, noon.Add(10000*time.Hour))))
}

// The shop's clock may be far behind ours: a description that is told late is not an order that nobody paid.
func TestAnOrderToldLateHasItsTimeToBePaid(t *testing.T) {
	t.Parallel()
	now := noon.Add(1000 * time.Hour)
	s := given(t)
	d, err := rules.Decide(s.Clone(), describedAs(described()), now)
	require.NoError(t, err)
	require.Equal(t, []string{"OrderPlaced"}, names(d))
	// The loop asks about the next trigger of the batch on the state as it will be.
	next, err := rules.Decide(s.With("order", d.Events...), ring, now)
	require.NoError(t, err)
	assert.Empty(t, names(next))
	assert.Equal(t, []reactor.Timer{{Kind: timerLook, At: now.Add(time.Hour)}}, d.Timers)
}

// While an order waits there is always a time at which it is looked at again, and the next deadline is not missed.
func TestAWaitingOrderIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	timer := reactor.Trigger{Kind: reactor.TimerRing, TimerKind: timerLook, Cause: ident.Named("timer")}
	for name, c := range map[string]struct {
		given []proto.Message
		when  reactor.Trigger
		now   time.Time
		at    time.Time // zero: not at all
	}{
		"placed":                   {nil, describedAs(described()), noon, noon.Add(time.Hour)},
		"rung, still unpaid":       {[]proto.Message{placed(), allocated(2)}, timer, noon.Add(time.Minute), noon.Add(61 * time.Minute)},
		"the last hour":            {[]proto.Message{placed(), allocated(2)}, timer, noon.Add(167*time.Hour + 30*time.Minute), noon.Add(168*time.Hour - time.Second)},
		"a short stock deadline":   {[]proto.Message{placed(), captured(50), cleared, backordered(noon.Add(time.Minute))}, timer, noon, noon.Add(time.Minute)},
		"a doorbell, nothing new":  {[]proto.Message{placed()}, ring, noon, time.Time{}},
		"held by a person":         {events(ready(), hold(kindOperator, reasonOperator)), timer, noon, noon.Add(time.Hour)},
		"released, disputed":       {events(ready(), released(1, 2), dispute(opened)), ring, noon, noon.Add(time.Hour)},
		"raised after the release": {events(ready(), released(1, 2), edited(quantity(4)), allocated(4)), ring, noon, noon.Add(time.Hour)},
		"cancelling":               {ready(), cancelled(), noon, noon.Add(time.Hour)},
		"cancelling, not answered": {events(ready(), cancelling(1, "shop")), timer, noon.Add(30 * time.Minute), noon.Add(time.Hour)},
		"released":                 {ready(), timer, noon, time.Time{}},
		"completed":                {[]proto.Message{placed(digital), captured(50), cleared}, ring, noon, time.Time{}},
		"shipped":                  {events(ready(), released(1, 2), label("1"), scan("1")), timer, noon, time.Time{}},
		"cancelled":                {events(ready(), cancelling(1, "shop"), answered(1)), timer, noon, time.Time{}},
		"historic":                 {nil, historic(describedAs(described())), noon, time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := decide(t, rules, given(t, c.given...), c.when, c.now)
			if c.at.IsZero() {
				assert.Empty(t, d.Timers)
				return
			}
			assert.Equal(t, []reactor.Timer{{Kind: timerLook, At: c.at}}, d.Timers)
			assert.Empty(t, d.Clear)
		})
	}
}

func TestWhatEndsTakesItsTimerAway(t *testing.T) {
	t.Parallel()
	for name, s := range map[string][]proto.Message{
		"released":  ready(),
		"completed": {placed(digital), captured(50), cleared},
		"cancelled": events(ready(), cancelling(1, "shop"), answered(1)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, []string{timerLook}, decide(t, rules, given(t, s...), ring, noon).Clear)
		})
	}
}

func TestPriority(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		above    string
		currency string
		total    int64
		want     bool
	}{
		"at the limit":              {"500", "USD", 500_00, false},
		"above it":                  {"500", "USD", 500_01, true},
		"no minor units":            {"500", "JPY", 501, true},
		"no minor units, at it":     {"500", "JPY", 500, false},
		"three of them":             {"500", "KWD", 500_001, true},
		"finer than the currency":   {"500.5", "JPY", 501, true},
		"finer, below":              {"500.5", "JPY", 500, false},
		"an unknown currency":       {"500", "XQQ", 1_000_000, false},
		"more than any order comes": {"99999999999999999999", "USD", 1_000_000, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rules
			r.PriorityAbove = c.above
			s := given(t, placed(func(o *intakev1.OrderDescribed) { o.Currency, o.Totals.Total.MinorUnits = c.currency, c.total }))
			assert.Equal(t, c.want, r.priority(s))
		})
	}
}

func TestAReleaseSaysWhatMayGo(t *testing.T) {
	t.Parallel()
	s := given(t, events(ready(), released(1, 2), label("1"), voided("1"))...)
	d := decide(t, rules, s, ring, noon)
	require.Len(t, d.Events, 1)
	m, ok := d.Events[0].Message.(*orderv1.FulfillmentReleased)
	require.True(t, ok)
	assert.Equal(t, int32(2), m.GetNumber())
	assert.True(t, proto.Equal(&orderv1.LineQuantity{LineId: "1", Sku: "MUG", Quantity: 2}, m.GetLines()[0]))
}

// An order's number leads to it once its shop has told it, so that a payment that names it finds it.
func TestAToldNumberIsLinked(t *testing.T) {
	t.Parallel()
	const ref = "number:checkout:default:1001"
	assert.Equal(t, []string{ref}, decide(t, rules, given(t), describedAs(described()), noon).Links)
	assert.Equal(t, []string{ref}, decide(t, rules, given(t, placed(asDraft)), describedAs(described()), noon).Links)
	assert.Empty(t, decide(t, rules, given(t), describedAs(described(asDraft)), noon).Links, "a draft knows no numbers")
}

func TestTheSettingsAreChecked(t *testing.T) {
	t.Parallel()
	good := rules.Config
	require.NoError(t, good.Check())
	for _, limit := range []string{"0", "499.50", "0.0001"} {
		c := good
		c.PriorityAbove = limit
		require.NoError(t, c.Check(), limit)
	}
	for _, limit := range []string{"", "many", "-1", "-0.5", "1.x", "1e3", "5 00"} {
		c := good
		c.PriorityAbove = limit
		require.ErrorContains(t, c.Check(), "FULFILLMENT_PRIORITY_ABOVE", limit)
	}
	c := good
	c.PaymentDeadline, c.HoldDeadline, c.ServiceDeadline = -1, -1, -1
	for _, name := range []string{"ORDER_PAYMENT_DEADLINE", "ORDER_HOLD_DEADLINE", "ORDER_SERVICE_DEADLINE"} {
		require.ErrorContains(t, c.Check(), name)
	}
}

func TestTheServiceIsComplete(t *testing.T) {
	t.Parallel()
	s := Service()
	assert.Equal(t, "orders", s.Name)
	assert.NotEmpty(t, s.About)
	assert.True(t, s.Database)
	assert.True(t, s.Broker)
	assert.IsType(t, &Config{}, s.Config)
	assert.NotSame(t, Service().Config, s.Config, "two services in one process share nothing")
}
