package projector

import (
	stockv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/stock/v1"
)

// skus is one row per SKU: the guard of its levels.
var skus = guard("skus", "sku_id", skuOf,
	one("sku", text, func(l levels) any { return some(l.GetSku()) }),
	one("on_hand", whole, func(l levels) any { return l.sum((*stockv1.Level).GetOnHand) }),
	one("reserved", whole, func(l levels) any { return l.sum((*stockv1.Level).GetReserved) }),
	one("available", whole, func(l levels) any { return l.sum(available) }),
	one("oversold", whole, func(l levels) any { return l.sum(oversold) }),
	one("fold_version", whole, func(l levels) any { return int64(l.foldVersion) }),
	one("events_seen", whole, func(l levels) any { return int64(l.version) }),
)

// level is one location of a SKU.
type level struct {
	sku string
	*stockv1.Level
}

// stockLevels is one row per SKU and location.
var stockLevels = children("stock_levels", "sku_id", skuOf, levels.each,
	one("sku", text, func(l level) any { return some(l.sku) }),
	one("location", text, func(l level) any { return clean(l.GetLocation()) }),
	one("on_hand", whole, func(l level) any { return l.GetOnHand() }),
	one("reserved", whole, func(l level) any { return l.GetReserved() }),
	one("available", whole, func(l level) any { return available(l.Level) }),
	one("oversold", whole, func(l level) any { return oversold(l.Level) }),
)

func (l levels) each() []level {
	all := make([]level, 0, len(l.GetLevels()))
	for _, at := range l.GetLevels() {
		all = append(all, level{l.GetSku(), at})
	}
	return all
}

func (l levels) sum(of func(*stockv1.Level) int64) int64 {
	var n int64
	for _, at := range l.GetLevels() {
		n = plus(n, of(at))
	}
	return n
}

func available(l *stockv1.Level) int64 { return max(0, plus(l.GetOnHand(), -l.GetReserved())) }
func oversold(l *stockv1.Level) int64  { return max(0, plus(l.GetReserved(), -l.GetOnHand())) }
