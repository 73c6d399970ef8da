package payload

import (
	"slices"
	"strconv"
	"strings"

	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// shipment tells what somebody else hands over, as it now stands.
func (x *Reader) shipment(step intakev1.ShipmentStep) {
	s := &x.Data.Shipment
	if x.id() == "" {
		x.missing(x.Name.Field)
	}
	if s.ID.String() == "" {
		x.missing("shipment.id")
	}
	numbers, told := x.tracking(s)
	lines, read := x.shipped(s)
	if x.id() == "" || s.ID.String() == "" || !told || !read {
		return
	}
	id := strings.Join([]string{x.Shop.Source, "shipment", x.Shop.Account, x.id(), s.ID.String()}, ":")
	if len(id) > 2*longestID {
		x.bad("shipment.id", "is too long")
		return
	}
	x.fact(nil, nil, &intakev1.Fact{Body: &intakev1.Fact_ShipmentReported{ShipmentReported: &intakev1.ShipmentReported{
		ShipmentId: id, Step: step, Carrier: source.CarrierName(source.Clean(s.Carrier.String(), keep)), TrackingNumbers: numbers, Lines: lines,
	}}})
}

// longestID is how long an id of a shop may be.
const longestID = 255

func (x *Reader) tracking(s *Shipment) ([]string, bool) {
	var numbers []string
	for _, told := range append([]source.Scalar{s.TrackingNumber}, s.TrackingNumbers...) {
		switch number := source.TrackingNumber(told.String()); {
		case number == "", slices.Contains(numbers, number):
		case !source.IsName(number):
			x.bad("shipment.tracking_numbers", "hold one that is too long")
			return nil, false
		default:
			numbers = append(numbers, number)
		}
	}
	return numbers, true
}

func (x *Reader) shipped(s *Shipment) ([]*intakev1.ShippedLine, bool) {
	var lines []*intakev1.ShippedLine
	good := true
	for n := range s.Items {
		i, field := &s.Items[n], "shipment.items["+strconv.Itoa(n)+"]"
		quantity, whole := i.Quantity.Int()
		line, sku := i.LineID.String(), i.SKU.String()
		switch {
		case line == "" && sku == "":
			x.missing(field + ".line_id")
		case line != "" && !source.IsName(line) || sku != "" && !source.IsName(sku):
			x.bad(field, "has a sku or a line_id that is too long")
		case i.Quantity.String() == "":
			x.missing(field + ".quantity")
		case !whole || quantity <= 0:
			x.bad(field+".quantity", "is not a whole number above zero")
		default:
			lines = append(lines, &intakev1.ShippedLine{LineId: line, Sku: sku, Quantity: quantity})
			continue
		}
		good = false
	}
	return lines, good
}

// itemRef is the reference under which a product's own id is looked up.
func (x *Reader) itemRef(id string) string {
	return "item:" + x.Shop.Source + ":" + x.Shop.Account + ":" + id
}

// product tells which SKU the shop's own id stands for.
func (x *Reader) product() {
	p := &x.Data.Product
	id, sku := p.ID.String(), p.SKU.String()
	switch {
	case sku == "":
		x.missing("product.sku")
	case id == "":
		x.missing("product.id")
	case !source.IsName(sku) || !source.IsName(id):
		x.bad("product", "has a sku or an id that is too long")
	default:
		x.add(nil, &intakev1.Fact{References: []string{x.itemRef(id)}, Body: &intakev1.Fact_ProductReported{ProductReported: &intakev1.ProductReported{
			Sku: sku, Title: p.Title.String(),
		}}})
	}
}

// stock tells of what is on hand.
func (x *Reader) stock() {
	d := x.Data
	sku, item, location := d.SKU.String(), d.ProductID.String(), d.Location.String()
	onHand, ok := d.OnHand.Int()
	switch {
	case sku == "" && item == "":
		x.missing("sku")
	case sku != "" && !source.IsName(sku) || location != "" && !source.IsName(location) || item != "" && !source.IsName(item):
		x.bad("sku, product_id or location", "is too long")
	case d.OnHand.String() == "":
		x.missing("on_hand")
	case !ok:
		x.bad("on_hand", "is not a whole number of 64 bits")
	default:
		f := &intakev1.Fact{Body: &intakev1.Fact_StockReported{StockReported: &intakev1.StockReported{Sku: sku, Location: location, OnHand: onHand}}}
		if sku == "" {
			f.References = []string{x.itemRef(item)}
		}
		x.add(nil, f)
	}
}
