package orderctl

import (
	"time"

	"github.com/orderflow/orderflow/pkg/money"
	"github.com/orderflow/orderflow/pkg/order"

	fraudv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fraud/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// orderView is an order as it is shown: for people as text, for scripts as JSON. Amounts are exact decimals.
type orderView struct {
	ID            string             `json:"order_id"`
	Name          string             `json:"name,omitempty"`
	Number        string             `json:"order_number,omitempty"`
	Source        string             `json:"source,omitempty"`
	Account       string             `json:"account,omitempty"`
	ShopID        string             `json:"shop_order_id,omitempty"`
	Status        string             `json:"status"`
	PaymentStatus string             `json:"payment_status"`
	PlacedAt      *time.Time         `json:"placed_at,omitempty"`
	Marks         []string           `json:"marks,omitempty"` // draft, test, historic, priority, erased
	AsOf          string             `json:"as_of,omitempty"`
	Money         moneyView          `json:"money"`
	Payments      []paymentView      `json:"payments,omitempty"`
	Lines         []lineView         `json:"lines,omitempty"`
	Shipments     []shipmentView     `json:"shipments,omitempty"`
	Notifications []notificationView `json:"notifications,omitempty"`
	Fraud         *fraudView         `json:"fraud,omitempty"`
	Holds         []holdView         `json:"holds,omitempty"`
	Cancellation  *cancellationView  `json:"cancellation,omitempty"`
	Personal      *personView        `json:"personal,omitempty"`
	Timeline      []moveView         `json:"timeline"`
	Events        []eventView        `json:"events,omitempty"`
}

type moneyView struct {
	Currency   string `json:"currency,omitempty"`
	Total      string `json:"total"`
	Authorized string `json:"authorized"`
	Paid       string `json:"paid"`
	Refunded   string `json:"refunded"`
	Pending    string `json:"refunds_pending"`
	Granted    string `json:"refunds_granted"`
	Disputed   string `json:"disputed"`
	Lost       string `json:"charged_back"`
	Due        string `json:"due"`
	Overpaid   string `json:"overpaid"`
}

type paymentView struct {
	Names      []string `json:"names"`
	Provider   string   `json:"provider,omitempty"`
	Currency   string   `json:"currency"`
	Authorized string   `json:"authorized"`
	Captured   string   `json:"captured"`
	Refunded   string   `json:"refunded"`
	State      string   `json:"state"`
}

type lineView struct {
	ID          string `json:"line_id"`
	SKU         string `json:"sku"`
	Title       string `json:"title,omitempty"`
	Price       string `json:"unit_price"`
	Fulfiller   string `json:"fulfiller"`
	Ordered     int64  `json:"ordered"`
	Cancelled   int64  `json:"cancelled"`
	Allocated   int64  `json:"allocated"`
	Backordered int64  `json:"backordered"`
	Released    int64  `json:"released"`
	Shipped     int64  `json:"shipped"`
	Delivered   int64  `json:"delivered"`
	Returned    int64  `json:"returned"`
}

type shipmentView struct {
	ID          string     `json:"shipment_id,omitempty"`
	Carrier     string     `json:"carrier"`
	Tracking    string     `json:"tracking_number,omitempty"`
	State       string     `json:"state"`
	Attempts    int        `json:"attempts"`
	Failure     string     `json:"failure,omitempty"`
	RetryAt     *time.Time `json:"retry_at,omitempty"`
	PurchasedAt *time.Time `json:"label_at,omitempty"`
	ShippedAt   *time.Time `json:"shipped_at,omitempty"`
	DeliveredAt *time.Time `json:"delivered_at,omitempty"`
	Scans       int        `json:"scans"`
}

type notificationView struct {
	Kind      string    `json:"kind"`
	Channel   string    `json:"channel"`
	Subject   string    `json:"about,omitempty"`
	Outcome   string    `json:"outcome"`
	Reason    string    `json:"reason,omitempty"`
	Provider  string    `json:"provider,omitempty"`
	MessageID string    `json:"message_id,omitempty"`
	Report    string    `json:"report,omitempty"`
	ErrorCode string    `json:"error_code,omitempty"`
	At        time.Time `json:"at"`
}

type fraudView struct {
	Score    string       `json:"score"`
	Verdict  string       `json:"verdict"`
	Review   string       `json:"review,omitempty"`
	ReviewBy string       `json:"review_by,omitempty"`
	Factors  []factorView `json:"factors"`
}

type factorView struct {
	Name    string   `json:"name"`
	Score   string   `json:"score"`
	Weight  string   `json:"weight"`
	Reasons []string `json:"reasons,omitempty"`
}

type holdView struct {
	Kind     string     `json:"kind"`
	Reason   string     `json:"reason"`
	Detail   string     `json:"detail,omitempty"`
	Since    time.Time  `json:"since"`
	Deadline *time.Time `json:"deadline,omitempty"`
}

type cancellationView struct {
	Number     int       `json:"number"`
	By         string    `json:"by"`
	Reason     string    `json:"reason"`
	Since      time.Time `json:"since"`
	Refused    string    `json:"refused,omitempty"`
	RefusedBy  string    `json:"refused_by,omitempty"`
	Unanswered []string  `json:"unanswered,omitempty"`
}

// viewOf is everything that a fold says of an order, without its timeline.
func viewOf(o *order.State) orderView {
	d := o.Order.Description
	v := orderView{
		ID: o.ID.String(), Name: nameOf(o), Number: d.GetNumber(), Source: d.GetKey().GetSource(), Account: d.GetKey().GetAccount(),
		ShopID: d.GetKey().GetId(), Status: string(o.Status()), PaymentStatus: o.PaymentStatus(), PlacedAt: optional(o.Order.PlacedAt),
		Marks: marks(o), Money: moneyOf(o), Payments: paymentsOf(o), Lines: linesOf(o), Shipments: shipmentsOf(o), Fraud: fraudOf(o),
	}
	for _, n := range o.Notification.Sent {
		v.Notifications = append(v.Notifications, notificationView{
			tail(n.Kind, "KIND_"), n.Channel, n.Subject, n.Outcome, n.Reason, n.Provider, n.ID, n.Report, n.ReportCode, n.At,
		})
	}
	for _, h := range o.Order.Holds {
		v.Holds = append(v.Holds, holdView{order.HoldName(h.Kind), h.Reason, h.Detail, h.Since, optional(h.Deadline)})
	}
	if c := o.Order.Cancellation; c != nil {
		v.Cancellation = &cancellationView{Number: c.Number, By: c.By, Reason: c.Reason, Since: c.Since, Refused: c.Refused, RefusedBy: c.RefusedBy}
		if o.Order.Cancelling() {
			v.Cancellation.Unanswered = o.Unanswered()
		}
	}
	return v
}

func marks(o *order.State) []string {
	var marks []string
	add := func(yes bool, mark string) {
		if yes {
			marks = append(marks, mark)
		}
	}
	add(o.Order.Description.GetDraft(), "draft")
	add(o.Order.Description.GetTest(), "test")
	add(o.Order.Historic, "historic")
	add(o.Order.LatestRelease() != nil && o.Order.LatestRelease().Priority, "priority")
	add(o.Order.Erased, "personal data erased")
	return marks
}

func moneyOf(o *order.State) moneyView {
	f := o.Funds()
	decimal := func(minor int64) string { return money.Amount{Minor: minor, Currency: f.Currency}.Decimal() }
	over := int64(0)
	if o.Order.Placed { // before that nobody knows what is due
		over = max(0, -f.Due())
	}
	return moneyView{
		Currency: f.Currency, Total: decimal(f.Total), Authorized: decimal(f.Authorized), Paid: decimal(f.Captured),
		Refunded: decimal(f.Refunded), Pending: decimal(f.Pending), Granted: decimal(f.Granted), Disputed: decimal(f.Disputed),
		Lost: decimal(f.ChargedBy), Due: decimal(max(0, f.Due())), Overpaid: decimal(over),
	}
}

func paymentsOf(o *order.State) []paymentView {
	var views []paymentView
	for _, p := range o.Payment.Payments() {
		decimal := func(minor int64) string { return money.Amount{Minor: minor, Currency: p.Currency}.Decimal() }
		v := paymentView{
			Names: p.Names, Provider: p.Provider, Currency: p.Currency, Authorized: decimal(p.Authorized), Captured: decimal(p.Captured),
			Refunded: decimal(p.Refunded), State: "captured",
		}
		switch {
		case p.Captured > 0:
		case p.Voided:
			v.State = "voided"
		case p.Authorized > 0:
			v.State = "authorized"
		case p.Failed:
			v.State = "failed"
		default:
			v.State = "told"
		}
		views = append(views, v)
	}
	return views
}

func linesOf(o *order.State) []lineView {
	var views []lineView
	for _, l := range o.Lines() {
		views = append(views, lineView{
			ID: l.ID, SKU: l.SKU, Title: l.Described.GetTitle(), Price: money.FromProto(l.Described.GetUnitPrice()).Decimal(),
			Fulfiller: fulfiller(l.Described), Ordered: l.Ordered, Cancelled: l.Cancelled, Allocated: l.Allocated,
			Backordered: l.Backordered, Released: l.Released, Shipped: l.Shipped, Delivered: l.Delivered, Returned: l.Returned,
		})
	}
	return views
}

func fulfiller(l *typev1.Line) string {
	if order.Ours(l) {
		return "us"
	}
	return tail(l.GetFulfiller(), "FULFILLER_")
}

func shipmentsOf(o *order.State) []shipmentView {
	var views []shipmentView
	known := map[string]bool{}
	for _, sh := range o.Fulfillment.Shipments {
		v := shipmentView{
			ID: sh.ID, Carrier: sh.Carrier, Tracking: sh.Tracking, Attempts: sh.Attempt, Failure: sh.FailureCode,
			RetryAt: optional(sh.RetryAt), PurchasedAt: optional(sh.PurchasedAt),
		}
		travelled(&v, &o.Fulfillment)
		if v.State == "" {
			v.State = labelState(sh)
		}
		known[sh.Tracking] = true
		views = append(views, v)
	}
	for _, r := range o.Fulfillment.Foreign() {
		for _, v := range foreignParcels(r, &o.Fulfillment) {
			known[v.Tracking] = true
			views = append(views, v)
		}
	}
	for _, s := range o.Fulfillment.Scans { // a parcel may be scanned before its label is recorded
		if known[s.Tracking] {
			continue
		}
		known[s.Tracking] = true
		v := shipmentView{Carrier: s.Carrier, Tracking: s.Tracking}
		travelled(&v, &o.Fulfillment)
		views = append(views, v)
	}
	return views
}

// foreignParcels are the parcels of somebody else's shipment; one without a number where none was told.
func foreignParcels(r order.ForeignReport, f *order.Fulfillment) []shipmentView {
	numbers := r.GetTrackingNumbers()
	if len(numbers) == 0 {
		numbers = []string{""}
	}
	views := make([]shipmentView, len(numbers))
	for i, number := range numbers {
		v := shipmentView{ID: r.GetShipmentId(), Carrier: r.GetCarrier(), Tracking: number}
		travelled(&v, f)
		switch {
		case v.State != "":
		case r.Stands():
			v.State = "shipped by somebody else"
		default:
			v.State = "taken back by somebody else"
		}
		views[i] = v
	}
	return views
}

// travelled fills in what the carrier saw of a parcel.
func travelled(v *shipmentView, f *order.Fulfillment) {
	v.Scans = len(f.ScansOf(v.Tracking))
	if at, ok := f.ShippedAt(v.Tracking); ok {
		v.ShippedAt, v.State = &at, "shipped"
	}
	if _, ok := f.LostAt(v.Tracking); ok {
		v.State = "lost"
	}
	if at, ok := f.DeliveredAt(v.Tracking); ok {
		v.DeliveredAt, v.State = &at, "delivered"
	}
	if _, ok := f.ReturnedAt(v.Tracking); ok {
		v.State = "returned"
	}
	if v.State == "" && v.Scans > 0 {
		v.State = "exception"
	}
}

func labelState(sh order.Shipment) string {
	switch {
	case sh.Voided:
		return "label voided"
	case sh.VoidStarted:
		return "label being voided"
	case sh.Tracking != "":
		return "labelled"
	case !sh.InFlightUntil.IsZero():
		return "label being bought"
	case sh.GivenUp:
		return "no label: given up"
	}
	return "no label yet"
}

func fraudOf(o *order.State) *fraudView {
	if !o.Fraud.Scored && o.Fraud.Review == fraudv1.Verdict_VERDICT_UNSPECIFIED {
		return nil
	}
	v := &fraudView{Score: order.Score(o.Fraud.ScoreMillis), Verdict: tail(o.Fraud.Verdict, "VERDICT_"), ReviewBy: o.Fraud.ReviewBy}
	if o.Fraud.Review != fraudv1.Verdict_VERDICT_UNSPECIFIED {
		v.Review = tail(o.Fraud.Review, "VERDICT_")
	}
	for _, f := range o.Fraud.Factors {
		v.Factors = append(v.Factors, factorView{
			f.GetName(), order.Score(int(f.GetScoreMillis())), order.Score(int(f.GetWeightMillis())), f.GetReasons(),
		})
	}
	return v
}

// total is what an order costs, with its currency.
func total(o *order.State) string {
	f := o.Funds()
	return money.Amount{Minor: f.Total, Currency: f.Currency}.String()
}

// optional is a time, or nothing where there is none.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
