package projector

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/money"
)

// FoldVersion is the version of the fold from events to rows. Raise it when the same events come to other rows: every
// entity is then looked at again, and rows of an older version give way.
const FoldVersion = 4

// kind is how a value travels to Postgres.
type kind struct {
	array string // type of the parameter that carries a whole column
	cast  string // what the column's type is, where it is not the array's element
}

var (
	id       = kind{"uuid[]", ""}
	text     = kind{"text[]", ""}
	whole    = kind{"bigint[]", ""}
	flag     = kind{"boolean[]", ""}
	instant  = kind{"timestamptz[]", ""}
	decimal  = kind{"text[]", "numeric"}
	list     = kind{"text[]", "text[]"}
	document = kind{"text[]", "jsonb"}
)

// column is one column of a table.
type column struct {
	name string
	kind kind
}

// table is one table of a generation. Its rows belong to an entity, named in the first column.
type table struct {
	name    string
	columns []column
}

func (t table) key() string { return t.columns[0].name }

// in is the table of a generation.
func (t table) in(generation int) string { return fmt.Sprintf("projection.%s_g%d", t.name, generation) }

func (t table) names() []string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	return names
}

// insert writes many rows with one parameter per column.
func (t table) insert(target string) string {
	selected, params := make([]string, len(t.columns)), make([]string, len(t.columns))
	for i, c := range t.columns {
		selected[i] = "u." + c.name
		if c.kind.cast != "" {
			selected[i] += "::" + c.kind.cast
		}
		params[i] = fmt.Sprintf("$%d::%s", i+1, c.kind.array)
	}
	names := strings.Join(t.names(), ", ")
	return "INSERT INTO " + target + " AS t (" + names + ") SELECT " + strings.Join(selected, ", ") +
		" FROM unnest(" + strings.Join(params, ", ") + ") AS u (" + names + ")"
}

// upsert is insert that lets a row through only if it shows more events than the one that stands, or as many by a newer
// fold, and returns the keys of those it let through. Events come first: whoever read more of them may have heard the
// only bell that told of it, and what an older fold wrote is found by its version.
func (t table) upsert(target string) string {
	return t.insert(target) + " ON CONFLICT (" + t.key() + ") DO UPDATE SET " + t.sets() +
		" WHERE (t.events_seen, t.fold_version) < (excluded.events_seen, excluded.fold_version) RETURNING t." + t.key()
}

// upsertChildren is insert for rows of which some may stand there already: then they become what is written now.
func (t table) upsertChildren(target string) string {
	return t.insert(target) + " ON CONFLICT (" + t.key() + ", position) DO UPDATE SET " + t.sets()
}

func (t table) sets() string {
	sets := make([]string, len(t.columns))
	for i, c := range t.columns {
		sets[i] = c.name + " = excluded." + c.name
	}
	return strings.Join(sets, ", ")
}

// args turns rows into columns, each as an array of its own type: measured, pgx takes ten times as long over values whose
// type it has to find out one by one.
func (t table) args(rows [][]any) []any {
	args := make([]any, len(t.columns))
	for i, c := range t.columns {
		switch c.kind {
		case id:
			args[i] = gatherAs(rows, i, func(v any) pgtype.UUID { u, ok := v.(uuid.UUID); return pgtype.UUID{Bytes: u, Valid: ok} })
		case whole:
			args[i] = gatherAs(rows, i, func(v any) pgtype.Int8 { n, ok := v.(int64); return pgtype.Int8{Int64: n, Valid: ok} })
		case flag:
			args[i] = gatherAs(rows, i, func(v any) pgtype.Bool { is, ok := v.(bool); return pgtype.Bool{Bool: is, Valid: ok} })
		case instant:
			args[i] = gatherAs(rows, i, func(v any) pgtype.Timestamptz {
				at, ok := v.(time.Time)
				return pgtype.Timestamptz{Time: at, Valid: ok}
			})
		case list:
			args[i] = gatherAs(rows, i, func(v any) pgtype.Text { w, ok := v.([]string); return pgtype.Text{String: literal(w), Valid: ok} })
		default:
			args[i] = gatherAs(rows, i, func(v any) pgtype.Text { s, ok := v.(string); return pgtype.Text{String: s, Valid: ok} })
		}
	}
	return args
}

func gatherAs[T any](rows [][]any, i int, as func(any) T) pgtype.FlatArray[T] {
	values := make(pgtype.FlatArray[T], len(rows))
	for n, row := range rows {
		values[n] = as(row[i])
	}
	return values
}

var escapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// literal is words as Postgres reads an array, so that arrays can travel in an array.
func literal(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = `"` + escapes.Replace(w) + `"`
	}
	return "{" + strings.Join(quoted, ",") + "}"
}

// field is a column with its value: which is what a projection is.
type field[R any] struct {
	column
	value func(R) any
}

// one is a field by itself.
func one[R any](name string, k kind, value func(R) any) []field[R] {
	return []field[R]{{column{name, k}, value}}
}

// amount is two fields: the exact count of smallest units, and the decimal that people read.
func amount[R any](name string, of func(R) money.Amount) []field[R] {
	return []field[R]{
		{column{name + "_minor", whole}, func(r R) any { return of(r).Minor }},
		{column{name, decimal}, func(r R) any { return major(of(r)) }},
	}
}

// shape is a table and how an entity's facts come to its rows.
type shape[F any] struct {
	table
	rows func(F) [][]any
}

// guard is the table with one row per entity, which says how much of the entity its rows show.
func guard[F any](name, key string, of func(F) ident.Entity, fields ...[]field[F]) shape[F] {
	t, values := gather(name, []column{{key, id}}, fields)
	return shape[F]{t, func(f F) [][]any {
		row := append(make([]any, 0, len(t.columns)), uuid.UUID(of(f)))
		for _, value := range values {
			row = append(row, value(f))
		}
		return [][]any{row}
	}}
}

// children is a table with any number of rows per entity, counted from 1.
func children[F, R any](name, key string, of func(F) ident.Entity, each func(F) []R, fields ...[]field[R]) shape[F] {
	t, values := gather(name, []column{{key, id}, {"position", whole}}, fields)
	return shape[F]{t, func(f F) [][]any {
		all := each(f)
		rows := make([][]any, len(all))
		for i, r := range all {
			rows[i] = append(make([]any, 0, len(t.columns)), uuid.UUID(of(f)), int64(i+1))
			for _, value := range values {
				rows[i] = append(rows[i], value(r))
			}
		}
		return rows
	}}
}

func gather[R any](name string, columns []column, fields [][]field[R]) (table, []func(R) any) {
	var values []func(R) any
	for _, group := range fields {
		for _, f := range group {
			columns, values = append(columns, f.column), append(values, f.value)
		}
	}
	return table{name, columns}, values
}

// some is a text that providers wrote: empty is NULL, and what Postgres cannot hold is left out.
func some(s string) any {
	if s == "" {
		return nil
	}
	return clean(s)
}

// clean leaves out the one character that Postgres cannot store in a text.
func clean(s string) string { return strings.ReplaceAll(s, "\x00", "") }

func cleanAll(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = clean(w)
	}
	return out
}

// when is a moment, or NULL where there is none or where its year is beyond what anybody means.
func when(t time.Time) any {
	if t.IsZero() || t.Year() < 1 || t.Year() > 9999 {
		return nil
	}
	return t.UTC().Truncate(time.Microsecond)
}

// major is an amount in major units, NULL where the currency is not known.
func major(a money.Amount) any {
	if _, err := money.Exponent(a.Currency); err != nil {
		return nil
	}
	return a.Decimal()
}

// thousandths is a score as a decimal.
func thousandths(millis int) any {
	if millis < 0 {
		millis = 0
	}
	if millis > 9999 {
		millis = 9999
	}
	return fmt.Sprintf("%d.%03d", millis/1000, millis%1000)
}

// plus adds and stays at the ends of int64: what providers tell may be absurd.
func plus(a, b int64) int64 {
	sum := a + b
	switch {
	case a > 0 && b > 0 && sum < 0:
		return 1<<63 - 1
	case a < 0 && b < 0 && sum >= 0:
		return -1 << 63
	}
	return sum
}
