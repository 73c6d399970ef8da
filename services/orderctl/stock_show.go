package orderctl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/services/operators"

	stockv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/stock/v1"
)

// levelView is what one location holds of a SKU.
type levelView struct {
	SKU       string `json:"sku"`
	Location  string `json:"location"`
	OnHand    int64  `json:"on_hand"`
	Reserved  int64  `json:"reserved"`
	Available int64  `json:"available"`
	Oversold  int64  `json:"oversold"`
}

func stockShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show [SKU…]", Short: "Show what is on hand, reserved and available, per location",
		Annotations: needs(operators.Viewer),
		Long: `Show what is on hand, reserved and available, per location: of the SKUs that are named, or of all. It is read from
the state that inventory writes with every move, so that it is never behind.`,
		Example: `  orderctl stock show
  orderctl stock show MUG TEE --json`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			s, err := open(c)
			if err != nil {
				return err
			}
			defer s.close()
			levels, err := s.stockOf(c.Context(), args)
			if err != nil {
				return err
			}
			unheard := unheardOf(args, levels)
			if wantsJSON(c) {
				return errors.Join(printJSON(c, levels), unheard)
			}
			if len(levels) == 0 && unheard == nil {
				fmt.Fprintln(c.OutOrStdout(), "There is no stock yet: 'orderctl stock receive SKU QUANTITY' brings some.")
				return nil
			}
			return errors.Join(printLevels(c.OutOrStdout(), levels), unheard)
		},
	}
}

func unheardOf(skus []string, levels []levelView) error {
	var unheard []string
	for _, sku := range skus {
		if !slices.ContainsFunc(levels, func(l levelView) bool { return l.SKU == sku }) {
			unheard = append(unheard, visible(sku))
		}
	}
	if len(unheard) == 0 {
		return nil
	}
	return exitStatus{1, "orderctl: nothing was ever on hand of " + strings.Join(unheard, ", ")}
}

func (s *system) stockOf(ctx context.Context, skus []string) ([]levelView, error) {
	if len(skus) == 0 {
		return s.allLevels(ctx)
	}
	ids := make([]ident.Entity, len(skus))
	for i, sku := range skus {
		ids[i] = ident.SKU(sku)
	}
	return s.levels(ctx, ids)
}

func (s *system) levels(ctx context.Context, ids []ident.Entity) ([]levelView, error) {
	snapshots, err := s.store.Snapshots(ctx, event.Stock, ids)
	if err != nil {
		return nil, err
	}
	levels := []levelView{}
	for id, snapshot := range snapshots {
		if levels, err = appendLevels(levels, snapshot.Data); err != nil {
			return nil, fmt.Errorf("read the levels of SKU %s: %w", id, err)
		}
	}
	return sortedLevels(levels), nil
}

func (s *system) allLevels(ctx context.Context) ([]levelView, error) {
	rows, err := s.pool.Query(ctx, `SELECT data FROM orderflow.snapshots WHERE category = $1`, string(event.Stock))
	if err != nil {
		return nil, fmt.Errorf("list stock: %w", err)
	}
	levels := []levelView{}
	var data []byte
	_, err = pgx.ForEachRow(rows, []any{&data}, func() (err error) {
		levels, err = appendLevels(levels, data)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list stock: %w", err)
	}
	return sortedLevels(levels), nil
}

func appendLevels(levels []levelView, data []byte) ([]levelView, error) {
	m := &stockv1.Levels{}
	if err := proto.Unmarshal(data, m); err != nil {
		return levels, err
	}
	for _, l := range m.GetLevels() {
		levels = append(levels, levelView{
			SKU: m.GetSku(), Location: l.GetLocation(), OnHand: l.GetOnHand(), Reserved: l.GetReserved(),
			Available: max(0, l.GetOnHand()-l.GetReserved()), Oversold: max(0, l.GetReserved()-l.GetOnHand()),
		})
	}
	return levels, nil
}

func sortedLevels(levels []levelView) []levelView {
	slices.SortFunc(levels, func(a, b levelView) int {
		return cmp.Or(cmp.Compare(a.SKU, b.SKU), cmp.Compare(a.Location, b.Location))
	})
	return levels
}

func printLevels(w io.Writer, levels []levelView) error {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	var rows [][]string
	for _, l := range levels {
		rows = append(rows, []string{l.SKU, l.Location, number(l.OnHand), number(l.Reserved), number(l.Available), when(l.Oversold > 0, number(l.Oversold))})
	}
	if len(rows) == 0 {
		return nil
	}
	return table(w, append([][]string{{"SKU", "LOCATION", "ON HAND", "RESERVED", "AVAILABLE", "OVERSOLD"}}, rows...)...)
}
