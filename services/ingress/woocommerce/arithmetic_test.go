package woocommerce_test

import (
	"errors"
	"fmt"

	"github.com/orderflow/orderflow/pkg/money"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// addsUp is the rule by which the orders service holds an order for total_mismatch, restated: lines − discounts +
// shipping + tax (where prices are without it) is the total, give or take a minor unit per line. What the order's
// discount goes beyond those of its lines is taken off too.
func addsUp(d *intakev1.OrderDescribed) error {
	var sum, ofLines int64
	for _, l := range d.GetLines() {
		if l.GetUnitPrice().GetMinorUnits() < 0 || l.GetQuantity() < 0 {
			return errors.New("a line is negative")
		}
		price, err := money.FromProto(l.GetUnitPrice()).Times(l.GetQuantity())
		if err != nil {
			return err
		}
		sum += price.Minor - l.GetDiscount().GetMinorUnits()
		ofLines += l.GetDiscount().GetMinorUnits()
	}
	t := d.GetTotals()
	sum += t.GetShipping().GetMinorUnits() - max(0, t.GetDiscount().GetMinorUnits()-ofLines)
	if !t.GetTaxIncluded() {
		sum += t.GetTax().GetMinorUnits()
	}
	off, tolerated := sum-t.GetTotal().GetMinorUnits(), int64(len(d.GetLines()))
	if off < -tolerated || off > tolerated {
		return fmt.Errorf("it comes to %d, the total is %d", sum, t.GetTotal().GetMinorUnits())
	}
	return nil
}
