package orderctl

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
)

// What is overdue follows from an order's events, the settings and the time; it stands in no table, since a row must not
// depend on when it was written. So the orders that may wait for somebody are read from the table and folded.

// overdueBatch is how many orders are folded at once.
const overdueBatch = 500

// overdue leaves the orders that wait for somebody whose time is over, at most so many, each with what is overdue.
func overdue(c *cobra.Command, f filters) ([]listed, error) {
	s, err := open(c)
	if err != nil {
		return nil, err
	}
	defer s.close()
	patience, err := s.patience()
	if err != nil {
		return nil, err
	}
	most := f.limit
	f.limit = 0 // all that may be
	f.unfinished = true
	candidates, err := readOrders(c.Context(), s.pool, f)
	if err != nil {
		return nil, err
	}
	var late []listed
	for batch := range slices.Chunk(candidates, overdueBatch) {
		found, err := s.overdueIn(c.Context(), batch, patience, now(c.Context()))
		if err != nil {
			return nil, err
		}
		if late = append(late, found...); len(late) > most {
			return late[:most+1], nil
		}
	}
	return late, nil
}

func (s *system) overdueIn(ctx context.Context, batch []listed, p order.Patience, at time.Time) ([]listed, error) {
	ids := make([]ident.Entity, len(batch))
	for i, o := range batch {
		id, err := uuid.Parse(o.ID)
		if err != nil {
			return nil, fmt.Errorf("read the id of an order: %w", err)
		}
		ids[i] = ident.Entity(id)
	}
	events, err := s.store.Load(ctx, ids)
	if err != nil {
		return nil, err
	}
	var late []listed
	for i, o := range batch {
		state, err := order.Fold(ids[i], events[ids[i]])
		if err != nil {
			o.Overdue = []orderWait{{Gate: "stuck", What: "it cannot be folded: " + err.Error(), Who: "whoever keeps our program", Overdue: true}}
			late = append(late, o)
			continue
		}
		o.Overdue = slices.DeleteFunc(waitsOf(state, p, at), func(w orderWait) bool { return !w.Overdue })
		if len(o.Overdue) > 0 {
			late = append(late, o)
		}
	}
	return late, nil
}

// overdueWords are the gates that are overdue, with whom they wait for and how long it has been over.
func overdueWords(waits []orderWait, at time.Time) string {
	words := make([]string, len(waits))
	for i, w := range waits {
		words[i] = w.Gate + " (" + w.Who
		if w.Until != nil {
			words[i] += ", for " + span(at.Sub(*w.Until))
		}
		words[i] += ")"
	}
	return strings.Join(words, ", ")
}

// rowsOf reads the columns of listed; what a table does not hold stays empty.
func rowsOf(row pgx.CollectableRow) (o listed, err error) {
	err = row.Scan(&o.ID, &o.Number, &o.Source, &o.Account, &o.Status, &o.PaymentStatus, &o.Currency, &o.Total, &o.PlacedAt, &o.WaitsFor)
	return o, err
}
