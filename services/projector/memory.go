package projector

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
)

// memoryMost is how many entities' rows are remembered, and how many events' words. An order moves a dozen times within
// seconds and then hardly ever.
const memoryMost = 20_000

// memory knows the rows of entities that were written lately, so that the next time only those are written that differ.
// It is never trusted by itself: what it says counts where the guard that stands shows the very events that the
// remembered rows were folded from, since the same events always come to the same rows.
type memory struct {
	mu      sync.Mutex
	entries map[ident.Entity]remembered
	// words of events are a function of the event, which never changes. Making them costs more than the rest of a fold.
	wordings map[ident.Event]wording
}

type remembered struct {
	generation int
	seen       int64
	digests    digests
}

// digests are the hashes of an entity's rows, table by table.
type digests [][]uint64

func newMemory() *memory {
	return &memory{entries: map[ident.Entity]remembered{}, wordings: map[ident.Event]wording{}}
}

// read puts an event into words, or remembers them. Without a memory, for who reads every event once, it only reads.
func (m *memory) read(e event.Recorded) wording {
	if m == nil {
		return wordingOf(e)
	}
	m.mu.Lock()
	w, ok := m.wordings[e.ID]
	m.mu.Unlock()
	if ok {
		return w
	}
	w = wordingOf(e)
	m.mu.Lock()
	defer m.mu.Unlock()
	makeRoom(m.wordings)
	m.wordings[e.ID] = w
	return w
}

// makeRoom forgets any one where there are too many: a miss only costs the work.
func makeRoom[K comparable, V any](all map[K]V) {
	for k := range all {
		if len(all) < memoryMost {
			return
		}
		delete(all, k)
	}
}

// standing locks the guards of all entities of a batch that has some which are remembered, and returns the digests of
// those that stand as they are remembered. All, and in the order in which they are written: another replica remembers
// others, and if each held only its own, each would wait for what the other holds.
func (m *memory) standing(ctx context.Context, tx pgx.Tx, f family, generation, foldVersion int, all []folded) (map[ident.Entity]digests, error) {
	lately := m.lately(generation, all)
	if len(lately) == 0 {
		return nil, nil
	}
	keys := make([]uuid.UUID, len(all))
	for i, e := range all {
		keys[i] = uuid.UUID(e.entity)
	}
	g := f.guard()
	rows, err := tx.Query(ctx, "SELECT "+g.key()+", events_seen, fold_version = $2 FROM "+g.in(generation)+" WHERE "+g.key()+" = ANY($1) ORDER BY 1 FOR UPDATE",
		keys, foldVersion)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", g.name, err)
	}
	known := map[ident.Entity]digests{}
	var key uuid.UUID
	var seen int64
	var ours bool
	_, err = pgx.ForEachRow(rows, []any{&key, &seen, &ours}, func() error {
		if r, ok := lately[ident.Entity(key)]; ok && ours && r.seen == seen {
			known[ident.Entity(key)] = r.digests
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", g.name, err)
	}
	return known, nil
}

func (m *memory) lately(generation int, all []folded) map[ident.Entity]remembered {
	m.mu.Lock()
	defer m.mu.Unlock()
	lately := map[ident.Entity]remembered{}
	for _, e := range all {
		if r, ok := m.entries[e.entity]; ok && r.generation == generation {
			lately[e.entity] = r
		}
	}
	return lately
}

// keep remembers what was written. What was not let through is older than what stands there, so it is forgotten.
func (m *memory) keep(f family, generation int, all []folded, through map[ident.Entity]bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := slices.IndexFunc(f.guard().columns, func(c column) bool { return c.name == "events_seen" })
	for _, e := range all {
		seen, ok := e.rows[0][0][at].(int64)
		if !ok || !through[e.entity] {
			delete(m.entries, e.entity)
			continue
		}
		makeRoom(m.entries)
		m.entries[e.entity] = remembered{generation, seen, e.digests}
	}
}

var seed = maphash.MakeSeed()

func digestsOf(e folded) digests {
	d := make(digests, len(e.rows))
	var buffer []byte
	for i, rows := range e.rows {
		d[i] = make([]uint64, len(rows))
		for n, row := range rows {
			buffer = spell(buffer[:0], row)
			d[i][n] = maphash.Bytes(seed, buffer)
		}
	}
	return d
}

// spell writes a row as bytes. Every value is preceded by its kind and length, so that no two rows are spelt alike.
func spell(b []byte, row []any) []byte {
	for _, v := range row {
		switch v := v.(type) {
		case nil:
			b = append(b, '-')
		case string:
			b = spellText(b, v)
		case []string:
			b = binary.AppendVarint(append(b, 'l'), int64(len(v)))
			for _, s := range v {
				b = spellText(b, s)
			}
		case int64:
			b = binary.AppendVarint(append(b, 'n'), v)
		case bool:
			b = append(b, 'f')
			if v {
				b[len(b)-1] = 't'
			}
		case time.Time:
			b = binary.AppendVarint(append(b, 'a'), v.UnixMicro())
		case uuid.UUID:
			b = append(append(b, 'u'), v[:]...)
		default:
			panic(fmt.Sprintf("projector: a row holds a %T", v)) // a mistake in the program: the kinds are those of table.args
		}
	}
	return b
}

func spellText(b []byte, s string) []byte {
	return append(binary.AppendVarint(append(b, 's'), int64(len(s))), s...)
}
