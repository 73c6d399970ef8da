package fraud

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/money"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"

	fraudv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fraud/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// large is an unusually large total, in major units of whatever currency: crude, and said so in the score.
const large = "2000"

// reader reads what is known of an order's customer. Customers are counted by a keyed hash of their address, so that
// the table holds nobody's address and means nothing without the key.
type reader struct {
	vault Vault
	// count counts the orders of customers into the signals of the sightings.
	count func(ctx context.Context, seen []sighting) error
}

// Vault opens the seal of an order's person, and hashes under a key what may not stand in a table.
type Vault interface {
	Open(ctx context.Context, id ident.Entity, s *typev1.Sealed) (p *typev1.Person, erased bool, err error)
	HMAC(label, value string) []byte
}

// sighting is one customer's order.
type sighting struct {
	customer []byte
	order    uuid.UUID
	at       time.Time
	signals  *fraudv1.Signals
}

// enrich reads signals for every order of the batch that is due, and hands them to its triggers. An order whose person
// cannot be read gets the error instead: its neighbours are scored all the same.
func (r reader) enrich(ctx context.Context, works []*reactor.Work) error {
	var seen []sighting
	for _, w := range works {
		if w.State == nil || !due(w.State) {
			continue
		}
		signals, customer, err := r.signals(ctx, w.State)
		if err != nil {
			w.Extra = err
			continue
		}
		w.Extra = signals
		if customer != nil {
			seen = append(seen, sighting{customer, uuid.UUID(w.Entity), w.State.Order.RecordedAt, signals})
		}
	}
	return r.count(ctx, seen)
}

// signals are what is known without counting, and the customer to count; none without an address.
func (r reader) signals(ctx context.Context, o *order.State) (*fraudv1.Signals, []byte, error) {
	person, erased, err := r.vault.Open(ctx, o.ID, o.Order.Sealed)
	if err != nil {
		return nil, nil, fmt.Errorf("open the person of order %s: %w", o.ID, err)
	}
	s := told(o)
	email := normalised(person)
	s.NoEmail = email == "" && !erased
	s.DisposableEmail = disposable(email)
	if email == "" {
		return s, nil, nil
	}
	return s, r.vault.HMAC("velocity", email), nil
}

// counter counts in the table.
type counter struct{ pool *pgxpool.Pool }

// count remembers which customer made which order, and counts how many each had made by then, this one included. It is
// repeatable: the same order is remembered once. Rows are written in one order, so that replicas cannot lock each
// other out.
func (r counter) count(ctx context.Context, seen []sighting) error {
	if len(seen) == 0 {
		return nil
	}
	slices.SortFunc(seen, func(a, b sighting) int {
		return cmp.Or(bytes.Compare(a.customer, b.customer), bytes.Compare(a.order[:], b.order[:]))
	})
	batch := &pgx.Batch{}
	for _, s := range seen {
		batch.Queue(`INSERT INTO fraud.sightings (customer, order_id, seen_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
			s.customer, s.order, s.at)
	}
	for _, s := range seen {
		batch.Queue(`SELECT count(*) FILTER (WHERE seen_at > $2::timestamptz - interval '1 hour'),
		        count(*) FILTER (WHERE seen_at > $2::timestamptz - interval '1 day'), count(*) = 1
		   FROM fraud.sightings WHERE customer = $1 AND seen_at <= $2`, s.customer, s.at).
			QueryRow(func(row pgx.Row) error {
				return row.Scan(&s.signals.OrdersLastHour, &s.signals.OrdersLastDay, &s.signals.NewCustomer)
			})
	}
	if err := r.pool.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("count the orders of customers: %w", err)
	}
	return nil
}

// told is what the order's own events tell, without opening the seal.
func told(o *order.State) *fraudv1.Signals {
	d := o.Order.Description
	s := &fraudv1.Signals{
		Total: d.GetTotals().GetTotal(), ShippingCountry: d.GetShippingCountry(), BillingCountry: d.GetBillingCountry(),
	}
	for _, r := range o.Payment.Reports {
		if r.Step == intakev1.PaymentStep_PAYMENT_STEP_FAILED {
			s.FailedAttempts++
		}
		if r.Country != "" {
			s.PaymentCountry = max(s.PaymentCountry, r.Country)
		}
		s.ProviderRisk = worse(s.ProviderRisk, r.RiskLevel)
	}
	for _, l := range d.GetLines() {
		s.LargestQuantity = max(s.LargestQuantity, l.GetQuantity())
	}
	if limit, err := money.Parse(large, d.GetCurrency()); err == nil {
		s.LargeTotal = s.GetTotal().GetMinorUnits() > limit.Minor
	}
	return s
}

func worse(a, b string) string {
	rank := map[string]int{"": 0, "normal": 1, "elevated": 2, "highest": 3}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

func normalised(p *typev1.Person) string { return strings.ToLower(strings.TrimSpace(p.GetEmail())) }

// disposable knows the domains that hand out addresses for a few minutes; a short list on purpose.
func disposable(email string) bool {
	_, domain, _ := strings.Cut(email, "@")
	switch domain {
	case "mailinator.com", "guerrillamail.com", "10minutemail.com", "tempmail.com", "temp-mail.org", "yopmail.com",
		"trashmail.com", "sharklasers.com", "getnada.com", "dispostable.com":
		return true
	}
	return false
}
