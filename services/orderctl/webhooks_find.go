package orderctl

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/services/ingress"
	"github.com/orderflow/orderflow/services/projector/reread"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// A delivery as the journal keeps it: what was read out of it is not kept, since reading the body again says it.

const deliveryHelp = `ID is our id of a delivery as 'orderctl webhooks list' shows it, as much of its beginning as only one has, or the
provider's own id of it (evt_…).`

// kept is a delivery in the journal.
type kept struct {
	id         ident.Delivery
	revision   uint32
	source     string
	account    string
	topic      string
	providerID string
	receivedAt time.Time
	test       bool
	outcome    string
	reason     *string
	detail     *string
	facts      int
	orders     []uuid.UUID
	headers    map[string]string
	sealed     *typev1.Sealed
	hash       []byte
	reader     string
	reading    []byte
}

const keptColumns = `d.id, d.revision, d.source, d.account, d.topic, d.provider_delivery_id, d.received_at, d.test, d.outcome,
	d.quarantine_reason, d.quarantine_detail, d.fact_count, d.order_ids, d.headers, d.body_nonce, d.body_sealed, d.body_sha256, d.reader, d.reading_sha256`

func scanKept(row pgx.CollectableRow, more ...any) (kept, error) {
	var k kept
	var id uuid.UUID
	k.sealed = &typev1.Sealed{}
	err := row.Scan(append([]any{&id, &k.revision, &k.source, &k.account, &k.topic, &k.providerID, &k.receivedAt, &k.test, &k.outcome,
		&k.reason, &k.detail, &k.facts, &k.orders, &k.headers, &k.sealed.Nonce, &k.sealed.Ciphertext, &k.hash, &k.reader, &k.reading}, more...)...)
	k.id, k.receivedAt = ident.Delivery(id), k.receivedAt.UTC()
	return k, err
}

// keptMost is how many deliveries one name may mean before it is said to be too short.
const keptMost = 20

// delivery finds the one delivery that a person named, at its latest revision.
func (s *system) delivery(ctx context.Context, arg string) (kept, error) {
	arg = strings.TrimSpace(arg)
	found, err := s.deliveriesNamed(ctx, arg)
	if err != nil {
		return kept{}, noJournal(fmt.Errorf("look for delivery %s: %w", visible(arg), err))
	}
	latest := map[ident.Delivery]kept{}
	for _, k := range found {
		if l, ok := latest[k.id]; !ok || l.revision < k.revision {
			latest[k.id] = k
		}
	}
	switch len(latest) {
	case 0:
		return kept{}, fmt.Errorf("no delivery is known as %s; 'orderctl webhooks list' shows what there is, for as long as JOURNAL_RETENTION says", visible(arg))
	case 1:
		return latest[found[0].id], nil
	}
	return kept{}, severalDeliveries(arg, latest)
}

func severalDeliveries(arg string, latest map[ident.Delivery]kept) error {
	var b strings.Builder
	fmt.Fprintf(&b, "orderctl: several deliveries are known as %s; name one of them:\n", visible(arg))
	rows := [][]string{{"ID", "RECEIVED (UTC)", "SOURCE", "TOPIC", "OUTCOME"}}
	for _, k := range latest {
		rows = append(rows, []string{k.id.String(), clockTime(k.receivedAt), k.source, k.topic, k.outcome})
	}
	slices.SortFunc(rows[1:], func(a, b []string) int { return strings.Compare(b[1]+b[0], a[1]+a[0]) })
	if err := table(&b, rows...); err != nil {
		return err
	}
	return exitStatus{1, strings.TrimRight(b.String(), "\n")}
}

// deliveriesNamed are those whose id begins so, and those that their provider calls so: some providers' ids look like the
// beginning of one of ours, and the one must not be taken for the other.
func (s *system) deliveriesNamed(ctx context.Context, arg string) ([]kept, error) {
	found, err := s.keptWhere(ctx, calledSo, arg)
	if err != nil {
		return nil, err
	}
	first, last, ok := idRange(arg)
	if !ok {
		return found, nil
	}
	ours, err := s.keptWhere(ctx, `d.id BETWEEN $1 AND $2`, first, last)
	return append(found, ours...), err
}

// calledSo finds what a provider calls $1, under every source, account and topic that there is, each of which is found by
// one look into the index that begins with them. Without them all of that index would be read, of every day.
const calledSo = `d.id = ANY (ARRAY(WITH RECURSIVE kinds AS (
		(SELECT source, account, topic FROM journal.deliveries ORDER BY source, account, topic LIMIT 1)
		UNION ALL
		SELECT further.* FROM kinds k CROSS JOIN LATERAL (SELECT source, account, topic FROM journal.deliveries n
			WHERE (n.source, n.account, n.topic) > (k.source, k.account, k.topic) ORDER BY source, account, topic LIMIT 1) further
	) SELECT found.id FROM kinds k CROSS JOIN LATERAL (SELECT id FROM journal.deliveries n
		WHERE n.source = k.source AND n.account = k.account AND n.topic = k.topic AND n.provider_delivery_id = $1 LIMIT 20) found))`

func (s *system) keptWhere(ctx context.Context, where string, args ...any) ([]kept, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+keptColumns+` FROM journal.deliveries d WHERE `+where+
		fmt.Sprintf(` ORDER BY d.received_at DESC LIMIT %d`, keptMost), args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (kept, error) { return scanKept(row) })
}

// idRange are the first and the last id that begin so; false if none can.
func idRange(prefix string) (first, last uuid.UUID, ok bool) {
	digits := strings.ReplaceAll(strings.ToLower(prefix), "-", "")
	whole := 2 * len(first)
	if digits == "" || len(digits) > whole {
		return first, last, false
	}
	var err, err2 error
	first, err = uuid.Parse(digits + strings.Repeat("0", whole-len(digits)))
	last, err2 = uuid.Parse(digits + strings.Repeat("f", whole-len(digits)))
	return first, last, errors.Join(err, err2) == nil
}

// body opens a delivery's body; the bool says that it was erased.
func (s *system) body(ctx context.Context, k kept) ([]byte, bool, error) {
	body, erased, err := s.vault.OpenBytes(ctx, ident.Entity(k.id), k.sealed)
	if err != nil || erased {
		return nil, erased, err
	}
	if hash := sha256.Sum256(body); !bytes.Equal(hash[:], k.hash) {
		return nil, false, fmt.Errorf("the body of %s is not the one that came", k.id)
	}
	return body, false, nil
}

// readingSettings are the settings that have a say in how a delivery is read, as a running 'orderctl up' has them, or as
// the environment says.
func (s *system) readingSettings() map[string]string {
	if s.Reading != nil {
		return s.Reading
	}
	return ingress.ReadingSettings(host.Environ())
}

// errReadsOtherwise says that a body does not mean today what it meant when it came.
var errReadsOtherwise = errors.New("it is read otherwise today")

// again makes the delivery that was published when it came. The facts are read out of the body again, by this program;
// everything else stands in the journal. A reading that differs from what the journal says of the first one is
// errReadsOtherwise: facts are known by their place, and must not change it.
func (k kept) again(body []byte, settings map[string]string) (*intakev1.Delivery, error) {
	d := &intakev1.Delivery{
		Id: k.id[:], Source: k.source, Account: k.account, Topic: k.topic, DeliveryId: k.providerID, Body: body,
		ReceivedAt: timestamppb.New(k.receivedAt), Revision: k.revision, Test: k.test, Reader: k.reader,
	}
	if k.reason != nil {
		d.Quarantine = &intakev1.Quarantine{Reason: *k.reason}
		if k.detail != nil {
			d.Quarantine.Detail = *k.detail
		}
	}
	for name, value := range k.headers {
		d.Headers = append(d.Headers, &intakev1.Header{Name: name, Value: value})
	}
	now, err := ingress.Reread(settings, d, largestMessage)
	switch {
	case errors.Is(err, ingress.ErrNotReadable):
		return nil, fmt.Errorf("%w: %s", errReadsOtherwise, err.Error())
	case err != nil:
		return nil, err
	}
	d.Facts, d.Headers = now.GetFacts(), now.GetHeaders()
	if differs := k.differs(now); differs != "" {
		return nil, fmt.Errorf("%w: %s", errReadsOtherwise, differs)
	}
	return d, nil
}

// largestMessage is what a NATS server takes that is set up as deploy/nats says, less what is around a delivery.
const (
	messageRoom    = 4 << 10
	largestMessage = 8<<20 - messageRoom
)

// differs says in what a reading differs from the one in the journal; empty if in nothing that stands there.
func (k kept) differs(now *intakev1.Delivery) string {
	reason := ""
	if k.reason != nil {
		reason = *k.reason
	}
	facts := now.GetFacts()
	switch {
	case now.GetQuarantine().GetReason() != reason:
		return fmt.Sprintf("it was %s and would be %s", readingWords(reason), readingWords(now.GetQuarantine().GetReason()))
	case len(facts) != k.facts:
		return fmt.Sprintf("it had %s and would have %s", count(k.facts, "fact"), count(len(facts), "fact"))
	case !slices.Equal(ordersNamed(facts), k.orders):
		return "it would name another order"
	case k.revision > 0 && !bytes.Equal(reread.Hash(now), k.reading): // facts stand where they stood in earlier readings
		return "it was read otherwise when it was read again"
	}
	return ""
}

func readingWords(reason string) string {
	if reason == "" {
		return "understood"
	}
	return "quarantined (" + reason + ")"
}

// ordersNamed are the orders that facts name themselves, each once, in the order in which they are named.
func ordersNamed(facts []*intakev1.Fact) []uuid.UUID {
	ids := []uuid.UUID{}
	for _, f := range facts {
		key := f.GetOrder()
		if key.GetId() == "" {
			continue
		}
		if id := uuid.UUID(ident.Order(key.GetSource(), key.GetAccount(), key.GetId())); !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}
