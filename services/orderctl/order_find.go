package orderctl

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/services/ingress/source"
)

// orderHelp says how an order is named; every command that takes one has it in its help.
const orderHelp = `ORDER is the order's id, source/number (shopify/1001), source/account/number (shopify/eu/1001), an order number alone
if only one order has it, a name of its payment (stripe:pi_…) or a tracking number.`

// defaultAccount is the account of a source that has one.
const defaultAccount = "default"

// found is an order that a name led to, with everything that was ever recorded of it.
type found struct {
	id     ident.Entity
	events []event.Recorded
}

// names are what a person may have meant: references that lead to an order, and ids that can be computed.
type names struct {
	refs []string
	ids  []ident.Entity
	// tried says all of it in words.
	tried []string
}

// unknownError says that no name led anywhere.
type unknownError struct {
	arg   string
	names names
}

func (e unknownError) Error() string {
	return fmt.Sprintf("no order is known as %s", visible(e.arg))
}

// find reads the one order that a person named. Nobody found is unknownError; several are listed.
func (s *system) find(ctx context.Context, arg string) (found, error) {
	arg = strings.TrimSpace(arg)
	n := namesOf(arg)
	ids, err := s.candidates(ctx, arg, n)
	if err != nil {
		return found{}, err
	}
	events, err := s.store.Load(ctx, ids)
	if err != nil {
		return found{}, err
	}
	ids = slices.DeleteFunc(ids, func(id ident.Entity) bool { return len(events[id]) == 0 })
	switch len(ids) {
	case 0:
		return found{}, unknownError{arg, n}
	case 1:
		return found{ids[0], events[ids[0]]}, nil
	}
	return found{}, several(arg, ids, events)
}

// candidates are the orders that the names may mean. A name that is exact is enough; only one that is not is looked
// for among all.
func (s *system) candidates(ctx context.Context, arg string, n names) ([]ident.Entity, error) {
	if id, ok := asID(arg); ok {
		events, err := s.store.Load(ctx, []ident.Entity{id})
		if err != nil || len(events) > 0 {
			return []ident.Entity{id}, err
		}
		// A shop may number its orders like that.
	}
	known, err := s.store.Resolve(ctx, n.refs)
	if err != nil {
		return nil, err
	}
	if exact(arg) {
		for _, ref := range n.refs {
			if id, ok := known[ref]; ok {
				return []ident.Entity{id}, nil
			}
		}
		events, err := s.store.Load(ctx, n.ids)
		if err != nil {
			return nil, err
		}
		for _, id := range n.ids {
			if len(events[id]) > 0 {
				return []ident.Entity{id}, nil
			}
		}
	}
	ids := slices.Clone(n.ids)
	for _, ref := range n.refs {
		if id, ok := known[ref]; ok {
			ids = append(ids, id)
		}
	}
	more, err := s.search(ctx, arg)
	if err != nil {
		return nil, err
	}
	return distinct(append(ids, more...)), nil
}

func asID(arg string) (ident.Entity, bool) {
	id, err := uuid.Parse(arg)
	return ident.Entity(id), err == nil && len(arg) == len(id.String())
}

// exact says that a name holds where it comes from.
func exact(arg string) bool { return strings.ContainsAny(arg, "/:") }

// sources are those whose default account is tried for a number alone before all names are searched.
var sources = []string{"checkout", "shopify", "woocommerce", "b2b", "amazon"}

// carriers are those whose parcels are tried for a number alone.
var carriers = []string{"ups", "usps", "fedex", "dhl"}

// namesOf are the names that can be tried without looking around.
func namesOf(arg string) names {
	var n names
	switch {
	case strings.Contains(arg, ":"):
		n.refs = append(n.refs, arg)
		n.tried = append(n.tried, "that name itself")
	case strings.Contains(arg, "/"):
		shop, rest, _ := strings.Cut(arg, "/")
		n.number(shop, defaultAccount, rest)
		if account, number, ok := strings.Cut(rest, "/"); ok {
			n.number(shop, account, number)
		}
	default:
		for _, shop := range sources {
			n.number(shop, defaultAccount, arg)
		}
		n.refs = append(n.refs, "stripe:"+arg, "adyen:"+arg, "paypal:"+arg, "tracking:sandbox:"+arg)
		for _, carrier := range carriers {
			n.refs = append(n.refs, source.Parcel{Carrier: carrier, Number: source.TrackingNumber(arg)}.Reference())
		}
		n.tried = []string{
			"the number of an order, or the shop's own id of it, at " + strings.Join(sources, ", "),
			"a payment at stripe, adyen, paypal", "a tracking number of sandbox, " + strings.Join(carriers, ", "), "any other name that ends with it",
		}
	}
	return n
}

// number adds what an order number may stand for: people write #1001, and a checkout's number is its id as well.
func (n *names) number(shop, account, number string) {
	spellings := []string{number}
	if bare := strings.TrimPrefix(number, "#"); bare != number {
		spellings = append(spellings, bare)
	} else {
		spellings = append(spellings, "#"+number)
	}
	for _, spelling := range spellings {
		n.refs = append(n.refs, "number:"+shop+":"+account+":"+spelling)
	}
	n.ids = append(n.ids, ident.Order(shop, account, number))
	n.tried = append(n.tried, fmt.Sprintf("the number of an order, or the shop's own id of it, at %s/%s", shop, account))
}

// search looks through all names, and last through the table of orders, for what was not named exactly: a number in
// another account, a tracking number without its carrier.
func (s *system) search(ctx context.Context, arg string) ([]ident.Entity, error) {
	prefix, last := "", arg
	if shop, rest, ok := strings.Cut(arg, "/"); ok {
		prefix, last = "number:"+shop+":", rest
	}
	rows, err := s.pool.Query(ctx, `SELECT DISTINCT entity_id FROM orderflow.refs
		WHERE entity_id IS NOT NULL AND starts_with(ref, $1) AND right(ref, length($2) + 1) = ':' || $2 LIMIT 20`, prefix, last)
	if err != nil {
		return nil, fmt.Errorf("look for %s among all names: %w", visible(arg), err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("look for %s among all names: %w", visible(arg), err)
	}
	if len(ids) == 0 && !exact(arg) {
		if ids, err = s.searchTable(ctx, arg); err != nil {
			return nil, err
		}
	}
	entities := make([]ident.Entity, len(ids))
	for i, id := range ids {
		entities[i] = ident.Entity(id)
	}
	return entities, nil
}

// searchTable is the last resort. Where the table has not been made yet it knows of nothing.
func (s *system) searchTable(ctx context.Context, number string) ([]uuid.UUID, error) {
	rows, err := s.pool.Query(ctx, `SELECT order_id FROM read.orders WHERE order_number = $1 LIMIT 20`, number)
	if err == nil {
		var ids []uuid.UUID
		if ids, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID]); err == nil {
			return ids, nil
		}
	}
	if missingTable(err) {
		return nil, nil
	}
	return nil, fmt.Errorf("look for %s in read.orders: %w", visible(number), err)
}

// missingTable says that a table, or its schema, has not been made.
func missingTable(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "42P01" || pg.Code == "3F000")
}

func distinct(ids []ident.Entity) []ident.Entity {
	var kept []ident.Entity
	for _, id := range ids {
		if !slices.Contains(kept, id) {
			kept = append(kept, id)
		}
	}
	return kept
}

// several lists the orders that a name may mean, so that one of them can be named.
func several(arg string, ids []ident.Entity, events map[ident.Entity][]event.Recorded) error {
	var b strings.Builder
	fmt.Fprintf(&b, "orderctl: %d orders are known as %s; name one of them:\n", len(ids), visible(arg))
	rows := [][]string{{"NAME", "ID", "STATUS", "PLACED", "TOTAL"}}
	for _, id := range ids {
		o, err := order.Fold(id, events[id])
		if err != nil {
			rows = append(rows, []string{"", id.String(), "cannot be folded"})
			continue
		}
		rows = append(rows, []string{nameOf(o), id.String(), string(o.Status()), clockTime(o.Order.PlacedAt), total(o)})
	}
	slices.SortFunc(rows[1:], func(a, b []string) int { return strings.Compare(a[0]+a[1], b[0]+b[1]) })
	if err := table(&b, rows...); err != nil {
		return err
	}
	return exitStatus{1, strings.TrimRight(b.String(), "\n")}
}

// nameOf is the name of an order that people can use; empty while nobody has described it.
func nameOf(o *order.State) string {
	d := o.Order.Description
	if d == nil {
		return ""
	}
	number := d.GetNumber()
	if number == "" {
		number = d.GetKey().GetId()
	}
	account := ""
	if d.GetKey().GetAccount() != defaultAccount {
		account = d.GetKey().GetAccount() + "/"
	}
	return d.GetKey().GetSource() + "/" + account + number
}

// withOrder opens the system, finds the order and hands both over. What is parked under the names of an order that
// nobody knows is told with the error.
func withOrder(c *cobra.Command, arg string, use func(s *system, f found) error) error {
	s, err := open(c)
	if err != nil {
		return err
	}
	defer s.close()
	f, err := s.find(c.Context(), arg)
	var unknown unknownError
	if errors.As(err, &unknown) {
		return s.explainUnknown(c.Context(), unknown)
	}
	if err != nil {
		return err
	}
	return use(s, f)
}
