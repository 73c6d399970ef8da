package woocommerce

import (
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// product reads what the shop has in stock, where it counts: the shop is a location with the account's name. The price
// of a product is of no interest; an order tells its own.
func (r *reader) product() {
	var p product
	if !r.decode(&p) {
		return
	}
	sku := r.sku("", p.SKU)
	if sku == "" || p.ManageStock.String() != "true" || p.Stock.String() == "" {
		return
	}
	onHand, ok := p.Stock.Int()
	if !ok {
		r.trouble.Bad("stock_quantity", "is not a whole number")
		return
	}
	if r.trouble.Quarantine() != nil {
		return
	}
	r.tell(&intakev1.Fact{OccurredAt: r.when(p.ModifiedGMT), Body: &intakev1.Fact_StockReported{StockReported: &intakev1.StockReported{
		Sku: sku, Location: r.shop.Account, OnHand: onHand,
	}}})
}
