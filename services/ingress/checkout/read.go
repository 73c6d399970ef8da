package checkout

import (
	"github.com/orderflow/orderflow/services/ingress/payload"
	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/standard"
)

// event is the payload that package doc describes.
type event struct {
	Type      source.Scalar `json:"type"`
	Timestamp source.Scalar `json:"timestamp"`
	Data      *payload.Data `json:"data"`
}

// Read says what a verified request tells.
func (Source) Read(r source.Request, a source.Account) source.Reading {
	x := &payload.Reader{Shop: source.ShopKey{Source: name, Account: a.Name}, At: source.Moment(r.ReceivedAt)}
	var e event
	out := source.Reading{DeliveryID: standard.DeliveryID(r), Headers: source.Keep(r.Header, standard.HeaderTimestamp, "User-Agent", "Content-Type")}
	readable := x.Trouble.Unreadable(source.Decode(r.Body, &e))
	out.Topic = e.Type.String()
	if readable {
		tell(x, &e)
	}
	out.Test = e.Data != nil && e.Data.Test == "true"
	out.Facts, out.Quarantine = x.Facts, x.Trouble.Quarantine()
	return out
}

func tell(x *payload.Reader, e *event) {
	kind := e.Type.String()
	switch {
	case kind == "":
		x.Trouble.Missing("type")
		return
	case !payload.Knows(kind):
		x.Trouble.Add(source.UnknownTopic, "no type that we read")
		return
	case e.Data == nil:
		x.Trouble.Missing("data")
		return
	}
	if at := x.Time("timestamp", e.Timestamp); at != nil {
		x.At = at
	}
	x.Path, x.Data = "data.", e.Data
	x.Name = payload.Name{ID: payload.Number(e.Data.OrderNumber), Field: "order_number"}
	x.Read(kind)
}
