package notifier

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"strings"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/fault"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"

	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// service is the name under which this service appends, waits and listens.
const service = "notifier"

// rings are the news of an order that may make a message due.
var rings = []bus.Ring{
	{Category: event.Order, Types: []string{
		"OrderPlaced", "OrderEdited", "HoldPlaced", "HoldReleased", "CancellationRefused", "OrderCancelled", "OrderExpired",
	}},
	{Category: event.Payment, Types: []string{"PaymentCaptured", "PaymentClaimed", "PaymentRefunded", "PaymentDisputed", "RefundFailed"}},
	{Category: event.Fraud, Types: []string{"OrderScored", "ReviewDecided"}},
	{Category: event.Fulfillment, Types: []string{"ShipmentScanned", "ShipmentDelivered"}},
}

// channel carries mails to people.
type channel interface {
	// send returns once somebody else is responsible for the mail. An error of kind fault.Rejected means that this mail
	// will never be taken; any other may pass. No error repeats an address.
	send(ctx context.Context, m outgoing) error
}

// outgoing is a mail that is ready to be sent.
type outgoing struct {
	ID      string // Message-ID, without its brackets
	To      mail.Address
	Subject string
	Text    string
	HTML    string
}

// opener opens what is sealed: a vault.
type opener interface {
	Open(ctx context.Context, id ident.Entity, s *typev1.Sealed) (*typev1.Person, bool, error)
}

// handler makes the calls.
type handler struct {
	config  Config
	words   words
	vault   opener
	channel channel
}

func (h *handler) spec() reactor.Spec {
	return reactor.Spec{
		Service: service, Owns: event.Notification, Rings: rings, Decide: h.config.Decide,
		Calls: &reactor.Calls{Workers: h.config.SMTPConnections, Do: h.do, Record: h.config.Record},
		// A mail leaves no intent and a mail server knows no key, so two replicas that hear two bells of one order at once
		// would both send what is due. One is served, and it knows what it has under way.
		Single: true,
	}
}

// do sends one message. Who it is for is known here and nowhere else.
func (h *handler) do(ctx context.Context, o *order.State, q reactor.Request) (any, error) {
	m, ok := q.(message)
	if !ok {
		return nil, fmt.Errorf("notifier makes no calls like %q", q.Key())
	}
	person, erased, err := h.vault.Open(ctx, o.ID, o.Order.Sealed)
	switch {
	case err != nil:
		return nil, err
	case erased:
		return answer{Silent: silentErased}, nil
	case strings.TrimSpace(person.GetEmail()) == "":
		return answer{Silent: silentNoEmail}, nil
	}
	out, err := h.mail(o, m, person)
	if err != nil {
		return nil, err
	}
	if err := h.channel.send(ctx, out); err != nil {
		return nil, err
	}
	return answer{MessageID: out.ID}, nil
}

var errBadAddress = errors.New("bad_address")

func (h *handler) mail(o *order.State, m message, person *typev1.Person) (outgoing, error) {
	to, err := mail.ParseAddress(strings.TrimSpace(person.GetEmail()))
	if err != nil {
		return outgoing{}, &fault.Error{Kind: fault.Rejected, Err: errBadAddress} // the error itself would repeat it
	}
	l := letterOf(o, m)
	l.Shop, l.Name = clean(h.config.Shop, 100), clean(person.GetName(), 60)
	w, err := h.words.write(m.Kind, l)
	if err != nil {
		return outgoing{}, err
	}
	return outgoing{
		ID: messageID(o.ID, m, h.config.From), To: mail.Address{Name: l.Name, Address: to.Address}, Subject: w.Subject, Text: w.Text, HTML: w.HTML,
	}, nil
}

// messageID is the same for the same message of the same order, however often it is sent.
func messageID(id ident.Entity, m message, from string) string {
	domain := "localhost"
	if a, err := mail.ParseAddress(from); err == nil {
		domain = a.Address[strings.LastIndexByte(a.Address, '@')+1:]
	}
	return ident.Named("mail", id.String(), kindName(m.Kind), m.Subject).String() + "@" + domain
}
