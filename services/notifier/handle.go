package notifier

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"

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

// texter hands texts to a provider who sends them. Errors are as those of a channel.
type texter interface {
	// text hands a text over and returns the provider's id of it. The provider knows no repeat.
	text(ctx context.Context, to, body string) (id string, err error)
	// sent finds a text that was taken; empty if there is none.
	sent(ctx context.Context, to, body string) (id string, err error)
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
	texter  texter // nil: nobody sends texts
	clock   func() time.Time
}

func (h *handler) spec() reactor.Spec {
	return reactor.Spec{
		Service: service, Owns: event.Notification, Facts: bus.OwnerNotification, Rings: rings, Decide: h.config.Decide,
		Calls: &reactor.Calls{Workers: h.config.SMTPConnections, Do: h.do, Record: h.config.Record},
		// A mail leaves no intent and a mail server knows no key, so two replicas that hear two bells of one order at once
		// would both send what is due. One is served, and it knows what it has under way.
		Single: true,
	}
}

// do makes one call. Who a message is for is known here and nowhere else.
func (h *handler) do(ctx context.Context, o *order.State, q reactor.Request) (any, error) {
	switch q := q.(type) {
	case message:
		return h.doMail(ctx, o, q)
	case sms:
		if h.clock().Add(h.config.SMSTimeout).After(q.Until) {
			return nil, fault.New(fault.Transient, "it waited so long for a free place that its answer would come too late")
		}
		return h.doText(ctx, o, q.message, h.hand)
	case smsTrace:
		return h.doText(ctx, o, q.message, h.find)
	}
	return nil, fmt.Errorf("notifier makes no calls like %q", q.Key())
}

// doText lets something be done with a text, which says the same whenever it is worked out.
func (h *handler) doText(ctx context.Context, o *order.State, m message, do func(ctx context.Context, to, body string) (any, error)) (any, error) {
	person, erased, err := h.vault.Open(ctx, o.ID, o.Order.Sealed)
	switch {
	case err != nil:
		return nil, err
	case erased:
		return silence(silentErased), nil
	case h.texter == nil:
		return nil, fault.New(fault.Transient, "nobody sends texts")
	}
	to := numberOf(person)
	if to == "" {
		return silence(silentNoNumber), nil
	}
	l := letterOf(o, m)
	l.Shop = clean(h.config.Shop, 60)
	body, err := h.words.brief(m.Kind, l)
	if err != nil {
		return nil, err
	}
	return do(ctx, to, body)
}

func (h *handler) hand(ctx context.Context, to, body string) (any, error) {
	id, err := h.texter.text(ctx, to, body)
	if err != nil {
		return nil, err
	}
	return handed{id}, nil
}

func (h *handler) find(ctx context.Context, to, body string) (any, error) {
	id, err := h.texter.sent(ctx, to, body)
	switch {
	case err != nil:
		return nil, err
	case id == "":
		return lost{}, nil
	}
	return handed{id}, nil
}

// doMail sends one mail.
func (h *handler) doMail(ctx context.Context, o *order.State, m message) (any, error) {
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
