package fraud

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orderflow/orderflow/pkg/money"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"
	"github.com/orderflow/orderflow/pkg/seal"

	fraudv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fraud/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// large is an unusually large total, in major units of whatever currency: crude, and said so in the score.
const large = "2000"

// reader reads what is known of an order's customer. Customers are counted by a keyed hash of their address, so that
// the table holds nobody's address and means nothing without the key.
type reader struct {
	pool  *pgxpool.Pool
	vault *seal.Vault
}

// enrich reads signals for every order of the batch that is due, and hands them to its triggers.
func (r reader) enrich(ctx context.Context, works []*reactor.Work) error {
	for _, w := range works {
		if w.State == nil || !due(w.State) {
			continue
		}
		signals, err := r.signals(ctx, w.State)
		if err != nil {
			return err
		}
		w.Extra = signals
	}
	return nil
}

func (r reader) signals(ctx context.Context, o *order.State) (*fraudv1.Signals, error) {
	person, erased, err := r.vault.Open(ctx, o.ID, o.Order.Sealed)
	if err != nil {
		return nil, fmt.Errorf("open the person of order %s: %w", o.ID, err)
	}
	s := told(o)
	email := normalised(person)
	s.NoEmail = email == "" && !erased
	s.DisposableEmail = disposable(email)
	if email == "" {
		return s, nil
	}
	err = r.count(ctx, o, r.vault.HMAC("velocity", email), s)
	return s, err
}

// count remembers that the customer made this order and counts how many he made lately, this one included. Both are
// one statement away from each other and repeatable: the same order is remembered once.
func (r reader) count(ctx context.Context, o *order.State, customer []byte, s *fraudv1.Signals) error {
	at := o.Order.RecordedAt
	if at.IsZero() {
		at = time.Now()
	}
	batch := &pgx.Batch{}
	batch.Queue(`INSERT INTO fraud.sightings (customer, order_id, seen_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
		customer, uuid.UUID(o.ID), at)
	batch.Queue(`SELECT count(*) FILTER (WHERE seen_at > $2::timestamptz - interval '1 hour'),
	        count(*) FILTER (WHERE seen_at > $2::timestamptz - interval '1 day'), count(*) = 1
	   FROM fraud.sightings WHERE customer = $1 AND seen_at <= $2`, customer, at).
		QueryRow(func(row pgx.Row) error { return row.Scan(&s.OrdersLastHour, &s.OrdersLastDay, &s.NewCustomer) })
	if err := r.pool.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("count the orders of a customer: %w", err)
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
