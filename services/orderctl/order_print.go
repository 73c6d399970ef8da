package orderctl

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// printer writes the parts of a page and remembers the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) run(f func() error) {
	if p.err == nil {
		p.err = f()
	}
}

func (p *printer) line(format string, args ...any) {
	p.run(func() error {
		_, err := fmt.Fprintln(p.w, visible(fmt.Sprintf(format, args...)))
		return err
	})
}

func (p *printer) title(words string) {
	p.run(func() error {
		_, err := fmt.Fprintf(p.w, "\n%s\n", words)
		return err
	})
}

// rows prints a table, indented, under a title; nothing if it has no rows.
func (p *printer) rows(title string, head []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	p.title(title)
	all := make([][]string, 0, len(rows)+1)
	for _, row := range append([][]string{head}, rows...) {
		if row != nil {
			all = append(all, append([]string{"  " + row[0]}, row[1:]...))
		}
	}
	p.run(func() error { return table(p.w, all...) })
}

func (v orderView) head(p *printer) {
	name := v.Name
	if name == "" {
		name = "not described by a shop yet"
	}
	p.line("Order %s", name)
	if v.AsOf != "" {
		p.line("  (%s)", v.AsOf)
	}
	status := v.Status
	if len(v.Marks) > 0 {
		status += " (" + strings.Join(v.Marks, ", ") + ")"
	}
	rows := [][]string{{"  status", status}, {"  payment", v.PaymentStatus}, {"  id", v.ID}}
	if v.PlacedAt != nil {
		rows = append(rows, []string{"  placed", clockTime(*v.PlacedAt) + " UTC"})
	}
	if v.ShopID != "" && v.ShopID != v.Number {
		rows = append(rows, []string{"  shop's id", v.ShopID})
	}
	p.run(func() error { return table(p.w, rows...) })
}

func (v orderView) paid(p *printer) {
	m := v.Money
	var rows [][]string
	for _, row := range [][2]string{
		{"total", m.Total}, {"authorised", m.Authorized}, {"paid", m.Paid}, {"refunded", m.Refunded}, {"refunds on their way", m.Pending},
		{"refunds granted", m.Granted}, {"disputed", m.Disputed}, {"charged back", m.Lost}, {"due", m.Due}, {"paid too much", m.Overpaid},
	} {
		always := row[0] == "total" || row[0] == "paid" || row[0] == "refunded" || row[0] == "due"
		if always || strings.Trim(row[1], "0.") != "" {
			rows = append(rows, []string{row[0], m.Currency, row[1]})
		}
	}
	p.rows("Money", nil, alignRight(rows, 2))
	rows = nil
	for _, pay := range v.Payments {
		rows = append(rows, []string{strings.Join(pay.Names, ", "), pay.Provider, pay.State, pay.Currency, pay.Captured, pay.Refunded})
	}
	p.rows("Payments", []string{"NAMES", "PROVIDER", "STATE", "CURRENCY", "CAPTURED", "REFUNDED"}, rows)
}

// alignRight pads a column of numbers so that their last digits stand below each other.
func alignRight(rows [][]string, column int) [][]string {
	most := 0
	for _, row := range rows {
		most = max(most, len(row[column]))
	}
	for _, row := range rows {
		row[column] = strings.Repeat(" ", most-len(row[column])) + row[column]
	}
	return rows
}

func (v orderView) goods(p *printer) {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	var rows [][]string
	for _, l := range v.Lines {
		rows = append(rows, []string{
			l.SKU, shortened(l.Title, 32), l.Price, l.Fulfiller, number(l.Ordered), number(l.Cancelled), number(l.Allocated), number(l.Backordered),
			number(l.Released), number(l.Shipped), number(l.Delivered), number(l.Returned),
		})
	}
	p.rows("Lines", []string{
		"SKU", "TITLE", "PRICE", "FROM", "ORDERED", "CANCELLED", "RESERVED", "BACKORDERED", "RELEASED", "SHIPPED", "DELIVERED", "RETURNED",
	}, rows)
	rows = nil
	for _, s := range v.Shipments {
		state := s.State
		if s.Failure != "" && s.Tracking == "" {
			state += " (" + plain(s.Failure) + ")"
		}
		if s.RetryAt != nil {
			state += ", again at " + clockTime(*s.RetryAt)
		}
		rows = append(rows, []string{s.Carrier, dash(s.Tracking), state, orDash(s.PurchasedAt), orDash(s.ShippedAt), orDash(s.DeliveredAt)})
	}
	p.rows("Shipments", []string{"CARRIER", "TRACKING", "STATE", "LABEL", "SHIPPED", "DELIVERED"}, rows)
}

func (v orderView) decisions(p *printer) {
	var rows [][]string
	for _, h := range v.Holds {
		rows = append(rows, []string{h.Kind, plain(h.Reason), h.Detail, clockTime(h.Since), orDash(h.Deadline)})
	}
	p.rows("Holds", []string{"KIND", "REASON", "DETAIL", "SINCE", "UNTIL"}, rows)
	if c := v.Cancellation; c != nil {
		p.title("Cancellation")
		p.line("  asked for by %s at %s%s%s", someone(c.By), clockTime(c.Since), because(c.Reason),
			when(c.Refused != "", "; refused, since "+c.RefusedBy+" could not close"+because(plain(c.Refused))))
	}
	if v.Fraud == nil {
		return
	}
	p.title("Fraud")
	p.line("  score %s: %s%s", v.Fraud.Score, v.Fraud.Verdict,
		when(v.Fraud.Review != "", "; reviewed by "+someone(v.Fraud.ReviewBy)+": "+v.Fraud.Review))
	rows = nil
	for _, f := range v.Fraud.Factors {
		reasons := strings.Join(f.Reasons, "; ")
		rows = append(rows, []string{"  " + f.Name, f.Score, "× " + f.Weight, reasons})
	}
	p.run(func() error { return table(p.w, rows...) })
}

func (v orderView) people(p *printer) {
	var rows [][]string
	for _, n := range v.Notifications {
		outcome, reason := n.Outcome, n.Reason
		if n.Report != "" { // what became of it says more than that it was sent
			outcome, reason = n.Report, n.ErrorCode
		}
		rows = append(rows, []string{n.Kind, n.Channel, outcome, clockTime(n.At), reason})
	}
	p.rows("Notifications", []string{"KIND", "BY", "OUTCOME", "AT", "REASON"}, rows)
	who := v.Personal
	if who == nil {
		return
	}
	if who.Erased {
		p.title("Customer")
		p.line("  erased")
		return
	}
	rows = nil
	for _, row := range [][]string{
		{"name", who.Name}, {"e-mail", who.Email}, {"phone", who.Phone}, {"customer", who.CustomerID}, {"ordered from", who.IP},
		{"ship to", strings.Join(who.Shipping, ", ")}, {"bill to", strings.Join(who.Billing, ", ")},
	} {
		if row[1] != "" {
			rows = append(rows, row)
		}
	}
	p.rows("Customer", nil, rows)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func orDash(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return clockTime(*t)
}
