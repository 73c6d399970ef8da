package demo

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Report is the table: a row for each source and one for all.
type Report struct {
	Rows []Row `json:"rows"`
	// Wrong are the stories that did not end as they had to.
	Wrong []Wrong `json:"wrong,omitempty"`
}

// Row counts one source's stories.
type Row struct {
	Source      string  `json:"source"`
	Orders      int     `json:"orders"`
	Sent        int     `json:"sent"`
	Answered    int     `json:"answered_200"`
	Refused     int     `json:"refused_401"`
	Shipped     int     `json:"shipped"`
	Held        int     `json:"held"`
	Backordered int     `json:"back_ordered"`
	Cancelled   int     `json:"cancelled"`
	Answer      Seconds `json:"answer_seconds"`
	ToShipped   Seconds `json:"webhook_to_shipped_seconds"`
}

// Seconds are percentiles.
type Seconds struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

// Wrong is a story that ended otherwise.
type Wrong struct {
	Order  string `json:"order_id"`
	Number string `json:"number"`
	Source string `json:"source"`
	Story  string `json:"story"`
	Why    string `json:"why"`
}

// Make counts.
func Make(outcomes []Outcome) Report {
	var r Report
	for _, source := range []string{"stripe", "shopify", "woocommerce", "checkout"} {
		var of []Outcome
		for _, o := range outcomes {
			if o.Story.Source == source {
				of = append(of, o)
			}
		}
		if len(of) > 0 {
			r.Rows = append(r.Rows, row(source, of))
		}
	}
	r.Rows = append(r.Rows, row("all", outcomes))
	for _, o := range outcomes {
		if o.Right() {
			continue
		}
		why := o.Wrong
		if why == "" {
			why = fmt.Sprintf("it is %s, it should be %s", orNone(o.Status), o.Story.Ends)
		}
		r.Wrong = append(r.Wrong, Wrong{o.Story.Order.String(), o.Story.Number, o.Story.Source, o.Story.Name, why})
	}
	return r
}

func orNone(status string) string {
	if status == "" {
		return "not there"
	}
	return status
}

func row(source string, outcomes []Outcome) Row {
	r := Row{Source: source, Orders: len(outcomes)}
	var answers, shipped []time.Duration
	for _, o := range outcomes {
		r.Sent, r.Answered, r.Refused = r.Sent+o.Webhooks, r.Answered+o.Accepted, r.Refused+o.Refused
		answers = append(answers, o.Answers...)
		if o.Shipped > 0 {
			r.Shipped++
			shipped = append(shipped, o.Shipped)
		}
		switch o.Status {
		case "held":
			r.Held++
		case "backordered":
			r.Backordered++
		case "cancelled":
			r.Cancelled++
		}
	}
	r.Answer, r.ToShipped = percentiles(answers), percentiles(shipped)
	return r
}

func percentiles(all []time.Duration) Seconds {
	if len(all) == 0 {
		return Seconds{}
	}
	slices.Sort(all)
	at := func(p float64) float64 { // the nearest rank
		i := int(p*float64(len(all))+0.999999) - 1
		return all[min(max(i, 0), len(all)-1)].Seconds()
	}
	return Seconds{at(0.50), at(0.95), at(0.99)}
}

// Table is the report as rows of text, the head first.
func (r Report) Table() [][]string {
	rows := [][]string{{
		"source", "orders", "sent", "200", "401", "shipped", "held", "back-ordered", "cancelled", "answered p50/p99", "webhook to shipped p50/p95/p99",
	}}
	for _, x := range r.Rows {
		shipped := "-"
		if x.Shipped > 0 {
			shipped = fmt.Sprintf("%s / %s / %s", words(x.ToShipped.P50), words(x.ToShipped.P95), words(x.ToShipped.P99))
		}
		rows = append(rows, []string{
			x.Source, strconv.Itoa(x.Orders), strconv.Itoa(x.Sent), strconv.Itoa(x.Answered), strconv.Itoa(x.Refused), strconv.Itoa(x.Shipped),
			strconv.Itoa(x.Held), strconv.Itoa(x.Backordered), strconv.Itoa(x.Cancelled),
			words(x.Answer.P50) + " / " + words(x.Answer.P99), shipped,
		})
	}
	return rows
}

func words(seconds float64) string {
	if seconds < 1 {
		return fmt.Sprintf("%.0f ms", seconds*1000)
	}
	return fmt.Sprintf("%.2f s", seconds)
}
