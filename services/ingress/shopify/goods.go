package shopify

import (
	"fmt"

	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// Shopify counts items of its own, at locations; products say which SKU an item is. What it counts is what is left to
// sell: open orders of the shop are off already.

// level tells what is left of an item at a location. Null is no number: the item is not counted there.
func (r *reader) level() {
	var l level
	if !r.decode(&l) {
		return
	}
	item, location := r.trouble.ID("inventory_item_id", l.ItemID), r.trouble.ID("location_id", l.LocationID)
	n, whole := l.Available.Int()
	switch told := l.Available.String(); {
	case item == "" || location == "", told == "":
	case !whole:
		r.trouble.Bad("available", "is not a whole number")
	default:
		r.counted(item, location, n, l.UpdatedAt)
	}
}

// disconnected tells that a location has an item no more. What is counted is there, whatever the topic says, which is not
// signed.
func (r *reader) disconnected() {
	var l level
	if !r.decode(&l) {
		return
	}
	if l.Available.String() != "" {
		r.level()
		return
	}
	item, location := r.trouble.ID("inventory_item_id", l.ItemID), r.trouble.ID("location_id", l.LocationID)
	if item != "" && location != "" {
		r.counted(item, location, 0, l.UpdatedAt)
	}
}

func (r *reader) counted(item, location string, n int64, at text) {
	r.tell(&intakev1.Fact{References: []string{r.itemRef(item)}, OccurredAt: r.when(at), Body: &intakev1.Fact_StockReported{
		StockReported: &intakev1.StockReported{Location: name + ":" + location, OnHand: n, NetOfOrders: true},
	}})
}

// itemRef is the name under which counts of an item find its SKU.
func (r *reader) itemRef(id string) string { return "item:" + name + ":" + r.shop.Account + ":" + id }

// product tells which SKUs a product's items are. A variant without a SKU has nothing that an order could name.
func (r *reader) product() {
	var p product
	if !r.decode(&p) {
		return
	}
	for i := range p.Variants {
		v, field := &p.Variants[i], fmt.Sprintf("variants[%d].", i)
		title := clean(p.Title)
		if variant := clean(v.Title); variant != "" && variant != "Default Title" {
			title += " - " + variant
		}
		r.named(field, v.SKU, field+"inventory_item_id", v.ItemID, title, p.UpdatedAt, p.CreatedAt)
	}
}

// item tells which SKU an item is; its title is the product's.
func (r *reader) item() {
	var i item
	if r.decode(&i) {
		r.named("", i.SKU, "id", i.ID, "", i.UpdatedAt, i.CreatedAt)
	}
}

func (r *reader) named(field string, told text, idField string, id text, title string, times ...text) {
	sku := r.sku(field, told)
	if sku == "" || !source.IsName(sku) {
		return
	}
	if digits := r.trouble.ID(idField, id); digits != "" {
		r.tell(&intakev1.Fact{References: []string{r.itemRef(digits)}, OccurredAt: r.when(times...), Body: &intakev1.Fact_ProductReported{
			ProductReported: &intakev1.ProductReported{Sku: sku, Title: source.Clean(title, 1000)},
		}})
	}
}
