package lives

import (
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/orderflow/orderflow/services/ingress"
	"github.com/orderflow/orderflow/services/ingress/source"
)

// Base is when lives in memory begin.
var Base = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// anySecret makes headers that nobody verifies here.
const anySecret = "whsec_bm9ib2R5IHZlcmlmaWVzIHdoYXQgdGhpcyBoYXMgc2lnbmVk" //nolint:gosec // it protects nothing

// shops are where Stripe's accounts have their orders.
var shops = map[string]source.ShopKey{
	"": {Source: "checkout", Account: "default"}, "shopify": {Source: "shopify", Account: "default"}, "woocommerce": {Source: "woocommerce", Account: "default"},
}

// Send gives a delivery to the suite in memory, through its source's own normaliser.
func (m *Memory) Send(d Delivery) error {
	m.Told = append(m.Told, d.Says)
	s := ingress.SourceByName(d.Source)
	header, err := s.Sign(d.Body, source.Signing{Secret: anySecret, At: m.Now, Topic: d.Topic, ID: d.ID})
	if err != nil {
		return err
	}
	account := source.Account{Name: d.Account, Mode: source.Both, Shop: shops[d.Account]}
	if account.Name == "" {
		account.Name = "default"
	}
	r := source.Request{Header: header, Body: d.Body, ReceivedAt: m.Now}
	reading, err := ingress.Read(s, r, account)
	if err != nil {
		return err
	}
	if q := reading.Quarantine; q != nil {
		return fmt.Errorf("a delivery of %s is quarantined: %s %s\n%s", d.Source, q.GetReason(), q.GetDetail(), d.Body)
	}
	delivery, id := ingress.NewDelivery(s, r, account, reading)
	m.Deliver(delivery, id)
	return nil
}

// Way is how a life is told.
type Way struct {
	// Chance picks whose turn it is, and what goes wrong.
	Chance  Chance
	Mishaps int
	// Replicas are how many of each service there are.
	Replicas int
	// Order puts deliveries into the order in which they are told, with repeats.
	Order func(label string, natural []Delivery, before []Delivery) []Delivery
	// Pause says what happens between two deliveries.
	Pause func(m *Memory) error
}

// AsItWas tells every delivery once, in its natural order, and lets everything that follows from it happen before the
// next.
func AsItWas() Way {
	return Way{
		Chance: AsItComes, Replicas: 1, Order: func(_ string, natural, _ []Delivery) []Delivery { return natural }, Pause: (*Memory).Rest,
	}
}

// Anyhow tells the deliveries in any order, some of them repeatedly, and with more or less of what follows in between;
// processes crash and calls fail.
func Anyhow(t *rapid.T) Way {
	chances := make([]*rapid.Generator[int], 64)
	chance := func(n int) int {
		if n >= len(chances) {
			return rapid.IntRange(0, n-1).Draw(t, "chance")
		}
		if n < 2 {
			return 0
		}
		if chances[n] == nil {
			chances[n] = rapid.IntRange(0, n-1)
		}
		return chances[n].Draw(t, "chance")
	}
	return Way{
		Chance: chance, Mishaps: rapid.IntRange(0, 4).Draw(t, "mishaps"), Replicas: rapid.IntRange(1, 2).Draw(t, "replicas"),
		Order: func(label string, natural, before []Delivery) []Delivery {
			told := natural
			if len(natural)+len(before) > 0 {
				known := append(append([]Delivery{}, natural...), before...)
				repeats := rapid.SliceOfN(rapid.SampledFrom(known), 0, 4).Draw(t, label+" repeats")
				for i := range repeats { // some come as deliveries of their own
					repeats[i].ID += rapid.SampledFrom([]string{"", "-again"}).Draw(t, "id")
				}
				told = append(append([]Delivery{}, natural...), repeats...)
			}
			return rapid.Permutation(told).Draw(t, label+" told")
		},
		Pause: func(m *Memory) error {
			switch steps := rapid.SampledFrom([]int{0, 0, 1, 3, 8, -1}).Draw(t, "pause"); {
			case steps < 0:
				m.Told = append(m.Told, "(rest)")
				return m.Rest()
			default:
				for range steps {
					m.Step()
				}
				return m.failed
			}
		},
	}
}

// Tell tells a life in one way, and says what came of it.
func Tell(l Life, w Way) (*Memory, Ending, error) {
	m := NewMemory(w.Chance, w.Mishaps, Base)
	m.Replicas = w.Replicas
	if err := m.tellAll(w, w.Order("before", l.Before, nil)); err != nil {
		return m, Ending{}, err
	}
	told := slices.Clip(l.Before)
	for _, label := range m.Carrier.Live() {
		if len(l.Scans) == 0 {
			break
		}
		label.Left = true
		after := append([]Delivery{}, l.After...)
		for i, s := range l.Scans { // the carrier's and the shop's news side by side
			at := min(len(after), 2*i)
			after = append(after[:at:at], append([]Delivery{Scanned(label.Tracking, s)}, after[at:]...)...)
		}
		if err := m.tellAll(w, w.Order("after", after, told)); err != nil {
			return m, Ending{}, err
		}
		told = slices.Concat(told, after)
	}
	if l.CarryOut {
		if err := m.tellAll(w, w.Order("carried out", l.carriedOut(m), told)); err != nil {
			return m, Ending{}, err
		}
	}
	if l.Wait {
		if err := m.RestUntil(10 * 24 * time.Hour); err != nil {
			return m, Ending{}, err
		}
	}
	ending := m.ending(l)
	return m, ending, nil
}

func (m *Memory) tellAll(w Way, told []Delivery) error {
	for _, d := range told {
		if err := m.Send(d); err != nil {
			return err
		}
		if err := w.Pause(m); err != nil {
			return err
		}
	}
	if err := m.Rest(); err != nil || m.Replicas == 1 {
		return err
	}
	m.Sweep()
	return m.Rest()
}

// carriedOut is how Stripe tells that it gave back what we decided to give back.
func (l *Life) carriedOut(m *Memory) []Delivery {
	var told []Delivery
	l.tale.told = &told
	for _, g := range m.State(l.Order).Payment.Grants {
		if g.Settled || g.Failed != "" {
			continue
		}
		for _, p := range l.tale.payments {
			if slices.Contains(g.Names, "stripe:"+p.intent()) || slices.Contains(g.Names, "stripe:"+p.charge()) {
				r := &refund{id: "re_" + g.ID, amount: min(g.Amount.GetMinorUnits(), p.captured-p.refunded), of: p}
				if r.amount > 0 { // Stripe gives back no more than it took
					l.tale.refundObject("refund.created", p, r, "succeeded")
				}
			}
		}
	}
	return told
}
