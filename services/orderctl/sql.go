package orderctl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/spf13/cobra"

	"github.com/orderflow/orderflow/pkg/host"
)

func sqlCommand() *cobra.Command {
	return &cobra.Command{
		Use: `sql "SELECT …"`, Short: "Run one query that reads, and print its rows",
		Annotations: here("analysts have logins at the database of their own (the role analyst)"),
		Long: `Run one query and print its rows as a table or, with --json, as a list of objects. It runs in a transaction that
can only read, and needs no psql.`,
		Example: `  orderctl sql "SELECT order_number, status FROM read.orders ORDER BY placed_at DESC LIMIT 10"
  orderctl sql "SELECT * FROM read.orders" --json`,
		Args: takes(cobra.ExactArgs(1), "one query, in quotes"),
		RunE: func(c *cobra.Command, args []string) error {
			url, err := databaseURL(c)
			if err != nil {
				return err
			}
			result, err := query(c.Context(), url, args[0])
			if err != nil {
				return err
			}
			if wantsJSON(c) {
				return printJSON(c, result.records())
			}
			return result.print(c)
		},
	}
}

// rowset is what a query returned, as Postgres writes it.
type rowset struct {
	columns []pgconn.FieldDescription
	rows    [][][]byte // nil is NULL
	tag     string
}

func query(ctx context.Context, url, sql string) (rowset, error) {
	pool, err := host.OpenPool(ctx, url, "orderctl", 2)
	if err != nil {
		return rowset{}, err
	}
	defer pool.Close()
	var result rowset
	err = pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sql, pgx.QueryResultFormats{pgx.TextFormatCode})
		if err != nil {
			return err
		}
		defer rows.Close()
		result.columns = rows.FieldDescriptions()
		for rows.Next() {
			row := make([][]byte, len(rows.RawValues()))
			for i, value := range rows.RawValues() {
				row[i] = bytes.Clone(value)
			}
			result.rows = append(result.rows, row)
		}
		result.tag = rows.CommandTag().String()
		return rows.Err()
	})
	return result, words(err)
}

// words says it as Postgres does, and what to do about it where we know.
func words(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	message := pg.Message
	if pg.Detail != "" {
		message += " (" + pg.Detail + ")"
	}
	switch {
	case pg.Code == "25006":
		message += "; this command only reads, 'orderctl psql' writes"
	case pg.Code == "42601" && strings.Contains(pg.Message, "multiple commands"):
		message += "; run one query at a time"
	case missingTable(err):
		message += `; 'orderctl sql "SELECT table_schema, table_name FROM information_schema.tables"' lists what there is`
	case pg.Hint != "":
		message += "; " + pg.Hint
	}
	return errors.New(message)
}

func (r rowset) print(c *cobra.Command) error {
	if len(r.columns) == 0 {
		fmt.Fprintln(c.OutOrStdout(), r.tag)
		return nil
	}
	head := make([]string, len(r.columns))
	for i, column := range r.columns {
		head[i] = column.Name
	}
	rows := [][]string{head}
	for _, values := range r.rows {
		row := make([]string, len(values))
		for i, value := range values {
			row[i] = string(value)
		}
		rows = append(rows, row)
	}
	if err := table(c.OutOrStdout(), rows...); err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "(%s)\n", count(len(r.rows), "row"))
	return nil
}

// record is a row as a JSON object whose fields stand in the order of the columns.
type record struct {
	columns []pgconn.FieldDescription
	values  [][]byte
}

func (r rowset) records() []record {
	records := make([]record, len(r.rows))
	for i, values := range r.rows {
		records[i] = record{r.columns, values}
	}
	return records
}

// MarshalJSON writes numbers, booleans and JSON as they are and everything else as text. Numbers keep every digit.
func (r record) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, column := range r.columns {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(column.Name)
		if err != nil {
			return nil, err
		}
		value, err := asJSON(column.DataTypeOID, r.values[i])
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func asJSON(oid uint32, value []byte) ([]byte, error) {
	if value == nil {
		return []byte("null"), nil
	}
	switch oid {
	case pgtype.BoolOID:
		return json.Marshal(string(value) == "t")
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.Float4OID, pgtype.Float8OID, pgtype.NumericOID, pgtype.JSONOID, pgtype.JSONBOID:
		if json.Valid(value) { // NaN and Infinity are no JSON
			return value, nil
		}
	}
	return json.Marshal(string(value))
}
