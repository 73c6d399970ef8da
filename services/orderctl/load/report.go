package load

import (
	"maps"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Report is what was sent and how it was answered.
type Report struct {
	URL         string    `json:"url"`
	Began       time.Time `json:"began"`
	Connections int       `json:"connections"`
	Seed        uint64    `json:"seed"`
	// Interrupted says that somebody ended it before its time.
	Interrupted bool  `json:"interrupted"`
	Phases      []Row `json:"phases"`
	All         Row   `json:"all"`
}

// Row is one phase, or all of them.
type Row struct {
	Name string `json:"name"`
	// Rate is how many a second were wanted; 0 is as many as are taken.
	Rate float64 `json:"rate"`
	// Intended is how many were due, Sent how many of them were sent: what is missing was still waiting for a
	// connection when the time was up.
	Intended int            `json:"intended"`
	Sent     int            `json:"sent"`
	Accepted int            `json:"accepted_2xx"`
	Refused  int            `json:"refused_4xx"`
	Failed   int            `json:"failed_5xx"`
	Other    int            `json:"other_status"`
	Errors   int            `json:"errors"`
	Statuses map[string]int `json:"statuses,omitempty"`
	// Reasons are the errors in words, and how often each came.
	Reasons map[string]int `json:"error_reasons,omitempty"`
	Seconds float64        `json:"seconds"`
	// PerSecond is accepted deliveries a second.
	PerSecond float64 `json:"accepted_per_second"`
	// Latency is from when a delivery was due until it was answered, in milliseconds, of all that were sent.
	Latency Latency `json:"latency_ms"`
}

// Good says that everything that was due was sent and accepted.
func (r *Row) Good() bool { return r.Sent == r.Intended && r.Accepted == r.Sent }

func (r *run) report(interrupted bool) Report {
	now := time.Now()
	report := Report{URL: r.URL, Began: r.began.UTC(), Connections: r.Connections, Seed: r.Orders.Seed, Interrupted: interrupted}
	all := newHistogram()
	var last time.Time
	sum := Row{Name: "all", Statuses: map[string]int{}, Reasons: map[string]int{}}
	for _, p := range r.phases {
		if interrupted && now.Before(p.began) {
			break
		}
		row := p.row(now, interrupted)
		report.Phases = append(report.Phases, row)
		sum.add(row)
		all.Merge(p.latency)
		if p.last.After(last) {
			last = p.last
		}
	}
	sum.timed(r.began, last, all)
	if len(report.Phases) == 1 {
		sum.Rate, sum.Seconds, sum.PerSecond = report.Phases[0].Rate, report.Phases[0].Seconds, report.Phases[0].PerSecond
	}
	report.All = sum
	return report
}

func (p *phase) row(now time.Time, interrupted bool) Row {
	row := Row{Name: p.String(), Rate: p.Rate, Intended: p.planned(), Sent: p.answered, Statuses: statusNames(p.statuses), Reasons: maps.Clone(p.errors)}
	if interrupted || p.Rate == 0 {
		row.Intended = p.dueBy(now)
	}
	for status, n := range p.statuses {
		switch status / 100 {
		case 2:
			row.Accepted += n
		case 4:
			row.Refused += n
		case 5:
			row.Failed += n
		default:
			row.Other += n
		}
	}
	for _, n := range p.errors {
		row.Errors += n
	}
	last := p.last
	if end := p.began.Add(p.Duration); p.Rate > 0 && p.Most == 0 && !interrupted && last.Before(end) {
		last = end // the pause after the last one belongs to the rate
	}
	row.timed(p.began, last, p.latency)
	return row
}

func (r *Row) timed(from, to time.Time, latency *hdrhistogram.Histogram) {
	if to.After(from) {
		r.Seconds = to.Sub(from).Seconds()
		r.PerSecond = float64(r.Accepted) / r.Seconds
	}
	if latency.TotalCount() > 0 {
		r.Latency = latencyOf(latency)
	}
}

func (r *Row) add(x Row) {
	r.Intended, r.Sent, r.Accepted, r.Refused = r.Intended+x.Intended, r.Sent+x.Sent, r.Accepted+x.Accepted, r.Refused+x.Refused
	r.Failed, r.Other, r.Errors = r.Failed+x.Failed, r.Other+x.Other, r.Errors+x.Errors
	for status, n := range x.Statuses {
		r.Statuses[status] += n
	}
	for reason, n := range x.Reasons {
		r.Reasons[reason] += n
	}
}
