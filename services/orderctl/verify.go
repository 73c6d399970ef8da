package orderctl

import (
	"context"
	"fmt"
	"io"
	"maps"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/services/inventory"
	"github.com/orderflow/orderflow/services/operators"
	"github.com/orderflow/orderflow/services/projector"

	stockv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/stock/v1"
)

func verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "verify", Short: "Prove that state is only a fold, stock adds up and money is counted once",
		Annotations: needs(operators.Operator),
		Long: `Prove, on a running system and as of one moment, that

  every order folds     no version is missing in any of its streams
  state is only a fold  every live row is, byte for byte, what the events come to
  stock adds up         each SKU's stream, its row, and what the orders themselves say is reserved are the same
  money is counted once no order gave back more than it got, and no payment pays for two orders unless a person was asked

Rows that are merely behind are looked at again. Exit status 1 says that something is not as it should be; it is named,
by table and column, never with what stands in it. 'orderctl rebuild' repairs tables.`,
		Example: `  orderctl verify
  orderctl verify --json`,
		Args: takesNothing,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := open(c)
			if err != nil {
				return err
			}
			defer s.close()
			p := newProgress(c.ErrOrStderr(), "verify")
			report, err := projector.Verify(c.Context(), s.pool, s.store, s.vault, p.at, newStockCheck().check(), newPaymentCheck().check())
			p.end()
			if err != nil {
				return err
			}
			if wantsJSON(c) {
				err = printJSON(c, report)
			} else {
				err = printReport(c.OutOrStdout(), report)
			}
			if err == nil && !report.OK() {
				return exitStatus{1, ""}
			}
			return err
		},
	}
}

func printReport(w io.Writer, r projector.Report) error {
	if len(r.Findings) > 0 {
		rows := [][]string{{"WHAT", "ENTITY", "TABLE", "DETAIL"}}
		for _, f := range r.Findings {
			rows = append(rows, []string{f.Kind, f.Entity, f.Table, f.What})
		}
		if err := table(w, rows...); err != nil {
			return err
		}
		if more := r.Found - len(r.Findings); more > 0 {
			fmt.Fprintf(w, "… and %d more\n", more)
		}
		fmt.Fprintln(w)
	}
	rows := [][]string{{"CURRENCY", "ORDERS", "PAID (MINOR UNITS)", "REFUNDED"}}
	for _, m := range r.Money {
		currency := m.Currency
		if currency == "" {
			currency = "-"
		}
		rows = append(rows, []string{currency, fmt.Sprint(m.Orders), m.PaidMinor, m.RefundedMinor})
	}
	if err := table(w, rows...); err != nil {
		return err
	}
	for _, m := range r.Money {
		if m.TwiceMinor > 0 {
			fmt.Fprintf(w, "\nOf the paid %s, %d stand there twice: told for another order as well, and waiting for a person ('orderctl order list').\n", m.Currency, m.TwiceMinor)
		}
	}
	fmt.Fprintf(w, "\nLooked at %s of %s, and at %s, in %s.", count(r.Events, "event"), count(r.Orders, "order"), count(r.SKUs, "SKU"), span(r.Took))
	if r.Behind > 0 {
		fmt.Fprintf(w, " %s only behind, and caught up.", were(r.Behind))
	}
	if r.OK() {
		fmt.Fprintln(w, " All is as it should be.")
		return nil
	}
	fmt.Fprintf(w, " %s.\n", count(r.Found, "finding"))
	return nil
}

func were(n int) string {
	if n == 1 {
		return "1 was"
	}
	return fmt.Sprintf("%d were", n)
}

// stockCheck compares what orders say is reserved for them with what the SKUs say, as of the moment that the
// projector's verification looks at.
type stockCheck struct {
	// held is what orders say, by SKU, order and location.
	held map[ident.Entity]map[ident.Entity]map[string]int64
}

func newStockCheck() *stockCheck {
	return &stockCheck{held: map[ident.Entity]map[ident.Entity]map[string]int64{}}
}

func (s *stockCheck) check() projector.Check {
	return projector.Check{Visit: s.visit, Finish: s.finish}
}

func (s *stockCheck) visit(o *order.State) {
	for sku, at := range inventory.HeldBy(o) {
		id := ident.SKU(sku)
		if s.held[id] == nil {
			s.held[id] = map[ident.Entity]map[string]int64{}
		}
		s.held[id][o.ID] = maps.Clone(at)
	}
}

func (s *stockCheck) finish(ctx context.Context, tx pgx.Tx) ([]projector.Finding, error) {
	ids, err := s.skus(ctx, tx)
	if err != nil {
		return nil, err
	}
	var findings []projector.Finding
	for _, id := range ids {
		found, err := s.differences(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		for _, what := range found {
			findings = append(findings, projector.Finding{Kind: "stock", Entity: id.String(), What: what})
		}
	}
	return findings, nil
}

// skus are those that have a stream or a row, and those that some order holds.
func (s *stockCheck) skus(ctx context.Context, tx pgx.Tx) ([]ident.Entity, error) {
	held := make([]uuid.UUID, 0, len(s.held))
	for id := range s.held {
		held = append(held, uuid.UUID(id))
	}
	rows, err := tx.Query(ctx, `SELECT entity_id FROM orderflow.events WHERE category = 'stock'
		UNION SELECT entity_id FROM orderflow.snapshots WHERE category = 'stock' UNION SELECT unnest($1::uuid[]) ORDER BY 1`, held)
	if err != nil {
		return nil, fmt.Errorf("list SKUs: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (ident.Entity, error) {
		var id uuid.UUID
		err := row.Scan(&id)
		return ident.Entity(id), err
	})
}

// streamPage is how many of a SKU's events are read at once.
const streamPage = 5000

func (s *stockCheck) differences(ctx context.Context, tx pgx.Tx, id ident.Entity) ([]string, error) {
	view := eventstore.Within(tx)
	var events []event.Recorded
	for {
		above := 0
		if len(events) > 0 {
			above = events[len(events)-1].Version
		}
		page, err := view.LoadAbove(ctx, event.Stock, id, above, streamPage)
		if err != nil {
			return nil, err
		}
		events = append(events, page...)
		if len(page) < streamPage {
			break
		}
	}
	ledger, err := inventory.FoldStock(events)
	if err != nil {
		return []string{err.Error()}, nil //nolint:nilerr // a stream that does not fold is what is looked for
	}
	rows, err := view.Snapshots(ctx, event.Stock, []ident.Entity{id})
	if err != nil {
		return nil, err
	}
	var row *stockv1.Levels
	version := 0
	if snapshot, ok := rows[id]; ok {
		row, version = &stockv1.Levels{}, snapshot.Version
		if err := proto.Unmarshal(snapshot.Data, row); err != nil {
			return []string{"the row that was written with the stream cannot be read"}, nil //nolint:nilerr // said instead
		}
	}
	return ledger.Differences(row, version, s.held[id]), nil
}
