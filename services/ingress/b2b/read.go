package b2b

import (
	"encoding/json"
	"strings"

	"github.com/orderflow/orderflow/services/ingress/payload"
	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/standard"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// event is what is around the orders. Each is decoded by itself, so that one that is none does not touch the others.
type event struct {
	Type      source.Scalar   `json:"type"`
	Timestamp source.Scalar   `json:"timestamp"`
	Data      json.RawMessage `json:"data"`
}

// batch is the data of a type that tells of many orders.
type batch struct {
	Orders   []json.RawMessage `json:"orders"`
	Historic source.Scalar     `json:"historic"`
	Test     source.Scalar     `json:"test"`
}

// order is what package payload reads, named and bought as portals have it.
type order struct {
	data  payload.Data
	named naming
}

// naming is what portals have beside it.
type naming struct {
	OrderID       source.Scalar `json:"order_id"`
	PurchaseOrder source.Scalar `json:"purchase_order_number"`
	Buyer         struct {
		payload.Customer

		Company source.Scalar `json:"company"`
	} `json:"buyer"`
}

// name is how the order is named.
func (o *order) name() payload.Name {
	n := payload.Name{ID: o.named.OrderID.String(), Number: payload.Number(o.named.PurchaseOrder), Field: "order_id"}
	if n.ID == "" {
		n.ID = n.Number
	}
	return n
}

// buyer is who ordered, as package payload has it; the company is the one that the invoice goes to.
func (o *order) buyer() {
	buyer, d := &o.named.Buyer, &o.data
	if buyer.Customer != (payload.Customer{}) {
		d.Customer = buyer.Customer
	}
	if buyer.Company.String() == "" {
		return
	}
	if d.BillTo == nil {
		d.BillTo = &payload.Address{}
	}
	if d.BillTo.Company.String() == "" {
		d.BillTo.Company = buyer.Company
	}
}

// Read says what a verified request tells.
func (Source) Read(r source.Request, a source.Account) source.Reading {
	x := &reading{Reader: payload.Reader{Shop: source.ShopKey{Source: name, Account: a.Name}, At: source.Moment(r.ReceivedAt)}}
	out := source.Reading{DeliveryID: standard.DeliveryID(r), Headers: source.Keep(r.Header, standard.HeaderTimestamp, "User-Agent", "Content-Type")}
	var e event
	readable := x.Trouble.Unreadable(source.Decode(r.Body, &e))
	out.Topic = e.Type.String()
	if readable {
		x.read(&e)
	}
	out.Test, out.Facts, out.Quarantine = x.test, x.Facts, x.Trouble.Quarantine()
	return out
}

// reading is one delivery on its way to facts.
type reading struct {
	payload.Reader

	test bool
}

func (x *reading) read(e *event) {
	kind := e.Type.String()
	one, many := strings.CutPrefix(kind, "orders.")
	if many {
		one = "order." + one
	}
	switch {
	case kind == "":
		x.Trouble.Missing("type")
		return
	case !payload.Knows(one):
		x.Trouble.Add(source.UnknownTopic, "no type that we read")
		return
	case len(e.Data) == 0 || string(e.Data) == "null":
		x.Trouble.Missing("data")
		return
	}
	if at := x.Time("timestamp", e.Timestamp); at != nil {
		x.At = at
	}
	if many {
		x.orders(one, e.Data)
		return
	}
	o, q := x.order(one, "data.", e.Data, nil)
	x.test = o.data.Test == "true"
	if q != nil {
		x.Trouble.Add(q.GetReason(), q.GetDetail())
	}
}

// order reads what one order's JSON tells, alone or as one of many, and says what is wrong with it.
func (x *reading) order(kind, path string, data json.RawMessage, of *batch) (*order, *intakev1.Quarantine) {
	o := &order{}
	one := payload.Reader{Shop: x.Shop, Path: path, At: x.At, Data: &o.data}
	one.Trouble.Unreadable(source.Decode(data, &o.data))
	one.Trouble.Unreadable(source.Decode(data, &o.named))
	one.Name = o.name()
	o.buyer()
	if of == nil || of.takes(o, &one.Trouble) {
		one.Read(kind)
		x.Facts = append(x.Facts, one.Facts...)
	}
	return o, one.Trouble.Quarantine()
}

// takes hands on what holds for all orders of a body. A test does not hide among others.
func (b *batch) takes(o *order, trouble *source.Trouble) bool {
	if o.data.Test == "true" && b.Test != "true" {
		trouble.Bad("test", "marks an order in a body that is no test")
		return false
	}
	if b.Test == "true" {
		o.data.Test = "true"
	}
	if b.Historic == "true" {
		o.data.Historic = "true"
	}
	return true
}

// orders reads every order by itself. What stands there twice is read once.
func (x *reading) orders(kind string, data json.RawMessage) {
	var b batch
	x.Trouble.Unreadable(source.Decode(data, &b))
	x.test = b.Test == "true"
	if len(b.Orders) == 0 {
		x.Trouble.Missing("data.orders")
		return
	}
	bad := unusable{of: len(b.Orders)}
	seen := make(map[string]bool, len(b.Orders))
	for n, data := range b.Orders {
		if seen[string(data)] {
			continue
		}
		seen[string(data)] = true
		o, q := x.order(kind, "", data, &b)
		if q != nil {
			bad.add(n, o.name(), q)
		}
	}
	if q := bad.quarantine(); q != nil {
		x.Trouble.Add(q.GetReason(), q.GetDetail())
	}
}
