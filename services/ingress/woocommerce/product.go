package woocommerce

import (
	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// product tells how many of a product, or of one variation of it, are left, where the shop counts them and they have a
// SKU. The shop takes an order off as it is placed. What a product holds for its variations ("parent") is no count of
// any one SKU.
func (r *reader) product() {
	var p product
	if !r.decode(&p) {
		return
	}
	sku := source.Clean(p.SKU.String(), 1000)
	if p.ManageStock.String() != "true" || p.Stock.String() == "" || sku == "" {
		return
	}
	n, whole := p.Stock.Int()
	switch {
	case !source.IsName(sku):
		r.trouble.Bad("sku", "is too long")
	case !whole:
		r.trouble.Bad("stock_quantity", "is not a whole number")
	default:
		r.tell(&intakev1.Fact{OccurredAt: r.when(p.ModifiedGMT, p.CreatedGMT), Body: &intakev1.Fact_StockReported{
			StockReported: &intakev1.StockReported{Sku: sku, Location: name + ":" + r.shop.Account, OnHand: n, NetOfOrders: true},
		}})
	}
}
