package orderctl

import (
	"io"
	"strings"
	"time"
)

// reconciled is what was found.
type reconciled struct {
	Source  string    `json:"source"`
	Account string    `json:"account"`
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until"`
	// Sent are all that the provider names, Kept those of them that the journal has.
	Sent int `json:"sent"`
	Kept int `json:"kept"`
	// Nothing are missing and mean nothing for us.
	Nothing int           `json:"missing_nothing_for_us"`
	Missing []missingView `json:"missing"`
	Fetched int           `json:"fetched"`
}

// missingView is an event that we never got.
type missingView struct {
	ID        string    `json:"id"`
	Type      string    `json:"type"`
	CreatedAt time.Time `json:"created_at"`
	Test      bool      `json:"test"`
	Outcome   string    `json:"outcome"`
	Reason    string    `json:"reason,omitempty"`
	Says      []string  `json:"says,omitempty"`
}

// lost are those that mean something.
func (r *reconciled) lost() (n int) {
	for _, m := range r.Missing {
		if m.Outcome != outcomeNothing {
			n++
		}
	}
	return n
}

func (r *reconciled) print(w io.Writer) error {
	p := &printer{w: w}
	p.line("%s says it sent %s from %s to %s UTC. We have %d of them.", r.Source, count(r.Sent, "event"), clockTime(r.Since), clockTime(r.Until), r.Kept)
	if r.Nothing > 0 {
		p.line("%d of those that we have not %s nothing for us.", r.Nothing, verbFor(r.Nothing, "mean"))
	}
	if len(r.Missing) == 0 {
		p.line("Nothing is missing.")
		return p.err
	}
	rows := [][]string{{"ID", "CREATED (UTC)", "TYPE", "SAYS"}}
	for _, m := range r.Missing {
		says := strings.Join(m.Says, "; ")
		if m.Outcome == outcomeQuarantined {
			says = "quarantined (" + m.Reason + ")" + when(says != "", ": ") + says
		}
		rows = append(rows, []string{m.ID, clockTime(m.CreatedAt), m.Type, shortened(says, 80)})
	}
	if p.err == nil {
		p.err = table(w, rows...)
	}
	if r.Fetched > 0 {
		p.line("%d %s taken in. 'orderctl webhooks show ID' says what became of one.", r.Fetched, map[bool]string{true: "was", false: "were"}[r.Fetched == 1])
	} else if n := r.lost(); n > 0 {
		p.line("%d %s missing; --fetch takes %s in.", n, map[bool]string{true: "is", false: "are"}[n == 1], map[bool]string{true: "it", false: "them"}[n == 1])
	}
	return p.err
}
