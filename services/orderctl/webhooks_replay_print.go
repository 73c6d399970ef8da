package orderctl

import (
	"io"
	"time"
)

// rereadDone is what was done. It is right at every moment, also when it was stopped in the middle.
type rereadDone struct {
	DryRun bool `json:"dry_run"`
	// Deliveries are all that were looked at: the others are parts of it.
	Deliveries int `json:"deliveries"`
	Changed    int `json:"changed"`
	Facts      int `json:"facts"`
	Same       int `json:"same"`
	Erased     int `json:"erased"`
	// NotSent read otherwise and could not be sent, or could not be read.
	NotSent  int          `json:"not_sent"`
	Examples []notSent    `json:"not_sent_examples,omitempty"`
	Changes  []changeView `json:"changes,omitempty"`
	Through  *time.Time   `json:"through,omitempty"`
	// Sources are those that were sent, by source.
	Sources map[string]int `json:"changed_by_source,omitempty"`
}

// changeView is what changes in one delivery.
type changeView struct {
	ID         string      `json:"id"`
	Source     string      `json:"source"`
	Topic      string      `json:"topic"`
	ProviderID string      `json:"provider_delivery_id"`
	Revision   uint32      `json:"revision"`
	Before     readingView `json:"before"`
	After      readingView `json:"after"`
}

// readingView is what a reading comes to.
type readingView struct {
	Outcome string `json:"outcome"`
	Reason  string `json:"reason,omitempty"`
	Detail  string `json:"detail,omitempty"`
	Facts   int    `json:"facts"`
	// Says is what the facts say; of an earlier reading, which is not kept, the events that it led to.
	Says []string `json:"says,omitempty"`
}

func (r readingView) words() string {
	return r.Outcome + when(r.Reason != "", " ("+r.Reason+": "+r.Detail+")") + ", " + count(r.Facts, "fact")
}

// changesMost is how many changes are shown; --json has all.
const changesMost = 100

func (r *rereadDone) print(w io.Writer) error {
	p := &printer{w: w}
	if r.Deliveries == 0 {
		p.line("The journal holds no such delivery; 'orderctl webhooks list' shows what there is.")
		return p.err
	}
	for _, c := range r.Changes[:min(len(r.Changes), changesMost)] {
		p.line("%s  %s %s %s, revision %d", c.ID, c.Source, c.Topic, shortened(c.ProviderID, 40), c.Revision)
		p.line("  before: %s", c.Before.words())
		for _, says := range c.Before.Says {
			p.line("    recorded as %s", says)
		}
		p.line("  after:  %s", c.After.words())
		for _, says := range c.After.Says {
			p.line("    %s", says)
		}
	}
	if more := len(r.Changes) - changesMost; more > 0 {
		p.line("and %d more; --json shows all", more)
	}
	verb := "Sent"
	if r.DryRun {
		verb = "Would send"
	}
	p.line("%s %d of %s anew, with %s. %d %s as before.", verb, r.Changed, deliveries(r.Deliveries), count(r.Facts, "fact"), r.Same, verbFor(r.Same, "read"))
	if r.Erased > 0 {
		p.line("%s erased: nobody can read %s again.", are(r.Erased), map[bool]string{true: "it", false: "them"}[r.Erased == 1])
	}
	if r.NotSent > 0 {
		p.line("%d %s not sent:", r.NotSent, map[bool]string{true: "was", false: "were"}[r.NotSent == 1])
		for _, e := range r.Examples {
			p.line("  %s: %s", e.ID, e.Why)
		}
		if more := r.NotSent - len(r.Examples); more > 0 {
			p.line("  and %d more", more)
		}
	}
	if !r.DryRun && r.Changed > 0 {
		p.line("'orderctl webhooks show ID' says what became of one.")
	}
	return p.err
}
