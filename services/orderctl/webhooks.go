package orderctl

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/services/operators"
)

func webhooksCommand() *cobra.Command {
	return grouped(&cobra.Command{
		Use: "webhooks", Short: "Look at the deliveries of providers: what came, what was made of it, what became of it",
		Long: `Look at the deliveries of providers: what came, what was made of it, what became of it. Every delivery with a valid
signature stands in the journal for as long as JOURNAL_RETENTION says.

Two commands send deliveries again. 'orderctl webhooks replay' reads them anew, for when they were read wrongly, or not
at all. 'orderctl replay' sends what was read when they came, unchanged, for when that was lost.`,
		Example: `  orderctl webhooks list --since 1h
  orderctl webhooks list --outcome quarantined
  orderctl webhooks show 5f0c2a9e
  orderctl webhooks replay --reason bad_value --dry-run
  orderctl webhooks reconcile --source stripe --since 7d`,
	}, webhooksListCommand(), webhooksShowCommand(), webhooksReplayCommand(), webhooksReconcileCommand())
}

// webhookOutcomes are what can be made of a delivery, as the journal has it.
var webhookOutcomes = []string{outcomeAccepted, outcomeQuarantined, outcomeNothing}

const (
	outcomeAccepted    = "accepted"
	outcomeQuarantined = "quarantined"
	outcomeNothing     = "nothing_for_us"
)

// errNoJournal is for a system whose projector was never set up.
var errNoJournal = errors.New("there is no journal yet: 'orderctl migrate' makes it, and the projector writes it")

// webhookFilters are which deliveries are wanted.
type webhookFilters struct {
	source, outcome, reason, order string
	since, until                   time.Time
	limit                          int
}

func webhooksListCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "list", Short: "List deliveries, newest first",
		Annotations: needs(operators.Viewer),
		Long: `List deliveries, newest first, each as it was read last. The outcome is accepted, quarantined (signed, and not or not wholly understood) or
nothing_for_us (understood, and it says nothing that we keep). An ID that is shortened here is enough for 'show'.

With --order these are the deliveries that name the order, and those whose news was recorded with it at most two minutes
after they came: what waited longer for a name is found only if it names the order itself.

` + timeHelp + "\n\n" + orderHelp,
		Example: `  orderctl webhooks list
  orderctl webhooks list --outcome quarantined --reason bad_value --since 2d
  orderctl webhooks list --source stripe --since 14:00 --until 14:30
  orderctl webhooks list --order shopify/1001 --json`,
		Args: takesNothing,
		RunE: func(c *cobra.Command, _ []string) error {
			f, err := webhookFiltersOf(c)
			if err != nil {
				return err
			}
			return listWebhooks(c, f)
		},
	}
	c.Flags().String(flagSource, "", "only deliveries of this source: "+strings.Join(sourceNames(), ", "))
	c.Flags().String("outcome", "", "only deliveries with this outcome: "+strings.Join(webhookOutcomes, ", "))
	c.Flags().String("reason", "", "only deliveries that were quarantined for this `REASON`: bad_value, missing_field, unknown_topic …")
	c.Flags().String("order", "", "only deliveries about this `ORDER`")
	c.Flags().Int("limit", 50, "at most so many")
	rangeFlags(c)
	completes(c.Flags(), "outcome", webhookOutcomes...)
	return c
}

func rangeFlags(c *cobra.Command) {
	c.Flags().String("since", "", "only what was received at this `TIME` or later")
	c.Flags().String("until", "", "only what was received before this `TIME`")
}

// rangeOf reads --since and --until; a time that is not told is zero.
func rangeOf(c *cobra.Command) (since, until time.Time, err error) {
	for flag, t := range map[string]*time.Time{"since": &since, "until": &until} {
		text, err := c.Flags().GetString(flag)
		if err != nil {
			return since, until, err
		}
		if text == "" {
			continue
		}
		if *t, err = parseTime(text, now(c.Context())); err != nil {
			return since, until, calledWrongly(c, "--%s: %v", flag, err)
		}
	}
	if !until.IsZero() && !since.Before(until) {
		return since, until, calledWrongly(c, "--since (%s) has to be before --until (%s)", clockTime(since), clockTime(until))
	}
	return since, until, nil
}

func webhookFiltersOf(c *cobra.Command) (f webhookFilters, err error) {
	for flag, text := range map[string]*string{flagSource: &f.source, "outcome": &f.outcome, "reason": &f.reason, "order": &f.order} {
		if *text, err = c.Flags().GetString(flag); err != nil {
			return f, err
		}
	}
	if f.limit, err = c.Flags().GetInt("limit"); err != nil {
		return f, err
	}
	switch {
	case f.outcome != "" && !slices.Contains(webhookOutcomes, f.outcome):
		return f, calledWrongly(c, "%q is no outcome: %s", f.outcome, strings.Join(webhookOutcomes, ", "))
	case f.reason != "" && f.outcome != "" && f.outcome != outcomeQuarantined:
		return f, calledWrongly(c, "only what is quarantined has a --reason")
	case f.limit < 1:
		return f, calledWrongly(c, "--limit is 1 or more")
	}
	f.since, f.until, err = rangeOf(c)
	return f, err
}

// webhookView is one delivery of the list.
type webhookView struct {
	ID         string    `json:"id"`
	ReceivedAt time.Time `json:"received_at"`
	Source     string    `json:"source"`
	Account    string    `json:"account"`
	Topic      string    `json:"topic"`
	ProviderID string    `json:"provider_delivery_id"`
	Revision   uint32    `json:"revision"`
	Test       bool      `json:"test"`
	Outcome    string    `json:"outcome"`
	Reason     string    `json:"reason,omitempty"`
	Detail     string    `json:"detail,omitempty"`
	Facts      int       `json:"facts"`
	Orders     []string  `json:"orders"`
	Conflict   bool      `json:"conflict"`
}

func listWebhooks(c *cobra.Command, f webhookFilters) error {
	s, err := open(c)
	if err != nil {
		return err
	}
	defer s.close()
	var about *aboutOrder
	if f.order != "" {
		if about, err = s.aboutOrder(c, f.order); err != nil {
			return noJournal(err)
		}
	}
	views, err := s.webhooks(c.Context(), f, about)
	if err != nil {
		return noJournal(err)
	}
	more := len(views) > f.limit
	views = views[:min(len(views), f.limit)]
	if wantsJSON(c) {
		return printJSON(c, views)
	}
	if len(views) == 0 {
		fmt.Fprintln(c.OutOrStdout(), "No such delivery. What was refused (401) is in no journal: 'orderctl check' says why a webhook is.")
		return nil
	}
	if err := table(c.OutOrStdout(), webhookRows(views)...); err != nil {
		return err
	}
	if more {
		fmt.Fprintf(c.OutOrStdout(), "There are more than %d; --limit shows more of them, --until earlier ones.\n", f.limit)
	}
	return nil
}

// noJournal says what to do about a table that is missing.
func noJournal(err error) error {
	if missingTable(err) {
		return errNoJournal
	}
	return err
}

// shortID is enough of an id to name a delivery with.
const shortID = 13

func webhookRows(views []webhookView) [][]string {
	rows := [][]string{{"ID", "RECEIVED (UTC)", "SOURCE", "TOPIC", "PROVIDER'S ID", "OUTCOME", "FACTS", "WHY"}}
	for _, v := range views {
		rows = append(rows, []string{
			v.ID[:shortID], clockTime(v.ReceivedAt), v.source(), v.Topic, shortened(v.ProviderID, 30), v.Outcome, strconv.Itoa(v.Facts), v.why(60),
		})
	}
	return rows
}

func (v webhookView) source() string {
	return v.Source + when(v.Account != defaultAccount, "/"+v.Account) + when(v.Test, " (test)")
}

func (v webhookView) why(most int) string {
	why := v.Reason + when(v.Reason != "" && v.Detail != "", ": ") + v.Detail
	if v.Conflict {
		why += when(why != "", "; ") + "another body came under the same id"
	}
	return shortened(why, most)
}

// aboutOrder is which deliveries are about an order: those that name it, and those that are listed.
type aboutOrder struct {
	order ident.Entity
	ids   []uuid.UUID
}

// heardWithin is how long before its record a delivery is looked for. Almost everything is recorded within a second.
const heardWithin = 2 * time.Minute

// aboutOrder finds the deliveries that led to an order's events. An event knows its cause, which is a hash of the
// delivery's id: so the deliveries that came shortly before are asked what their facts would have caused.
func (s *system) aboutOrder(c *cobra.Command, name string) (*aboutOrder, error) {
	ctx := c.Context()
	f, err := s.find(ctx, name)
	var unknown unknownError
	if errors.As(err, &unknown) {
		id, ok := asID(name)
		if !ok {
			return nil, s.explainUnknown(ctx, unknown)
		}
		return &aboutOrder{order: id}, nil // nothing was recorded of it: a delivery may name it all the same
	}
	if err != nil {
		return nil, err
	}
	causes := map[ident.Cause]bool{}
	var at []time.Time
	for _, e := range f.events {
		if told(e.Category) && !causes[e.Cause] {
			causes[e.Cause] = true
			at = append(at, e.RecordedAt)
		}
	}
	ids, err := s.causing(ctx, causes, at)
	return &aboutOrder{f.id, ids}, err
}

// told says whether news from outside is recorded in a category.
func told(c event.Category) bool {
	return c == event.Order || c == event.Payment || c == event.Fulfillment
}

func (s *system) causing(ctx context.Context, causes map[ident.Cause]bool, at []time.Time) ([]uuid.UUID, error) {
	rows, err := s.pool.Query(ctx, `SELECT DISTINCT d.id, d.revision, d.fact_count FROM unnest($1::timestamptz[]) AS t (at)
		CROSS JOIN LATERAL (SELECT id, revision, fact_count FROM journal.deliveries
			WHERE received_at BETWEEN t.at - $2::interval AND t.at + interval '10 seconds' AND fact_count > 0) d`, at, heardWithin)
	if err != nil {
		return nil, fmt.Errorf("look for the order's deliveries: %w", err)
	}
	var found []uuid.UUID
	var id uuid.UUID
	var revision int64
	var facts int
	_, err = pgx.ForEachRow(rows, []any{&id, &revision, &facts}, func() error {
		for _, cause := range causesOf(ident.Delivery(id), facts, uint32(revision)) { //nolint:gosec // it was written from one
			if causes[cause] {
				found = append(found, id)
				break
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for the order's deliveries: %w", err)
	}
	return found, nil
}

// causesOf are what a delivery's facts are called where they led to an event.
func causesOf(id ident.Delivery, facts int, revision uint32) []ident.Cause {
	causes := make([]ident.Cause, facts)
	for n := range causes {
		causes[n] = ident.Fact(id, n, revision)
	}
	return causes
}

// webhooks reads one more than the limit, so that it is known whether there are more.
func (s *system) webhooks(ctx context.Context, f webhookFilters, about *aboutOrder) ([]webhookView, error) {
	var order *uuid.UUID
	ids := []uuid.UUID{}
	if about != nil {
		id := uuid.UUID(about.order)
		order, ids = &id, append(ids, about.ids...)
	}
	rows, err := s.pool.Query(ctx, `SELECT id, received_at, source, account, event_type, provider_event_id, revision, is_test, outcome,
			coalesce(reason, ''), coalesce(detail, ''), fact_count, order_ids::text[], has_conflict
		FROM read.webhook_events e
		WHERE NOT EXISTS (SELECT FROM journal.deliveries n WHERE n.id = e.id AND n.received_at = e.received_at AND n.revision > e.revision)
		  AND ($1 = '' OR source = $1) AND ($2 = '' OR outcome = $2) AND ($3 = '' OR reason = $3)
		  AND ($4::timestamptz IS NULL OR received_at >= $4) AND ($5::timestamptz IS NULL OR received_at < $5)
		  AND ($6::uuid IS NULL OR order_ids @> ARRAY[$6::uuid] OR id = ANY($7))
		ORDER BY received_at DESC, id, revision DESC LIMIT $8`,
		pgx.QueryExecModeCacheDescribe, f.source, f.outcome, f.reason, optional(f.since), optional(f.until), order, ids, f.limit+1)
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	views, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (webhookView, error) {
		var v webhookView
		var id uuid.UUID
		err := row.Scan(&id, &v.ReceivedAt, &v.Source, &v.Account, &v.Topic, &v.ProviderID, &v.Revision, &v.Test, &v.Outcome,
			&v.Reason, &v.Detail, &v.Facts, &v.Orders, &v.Conflict)
		v.ID, v.ReceivedAt = id.String(), v.ReceivedAt.UTC()
		return v, err
	})
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return views, nil
}
