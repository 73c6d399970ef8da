package shopify_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

func fixture(t *testing.T, file string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", file))
	require.NoError(t, err)
	return body
}

// story tells a reading in lines that a person can check: amounts in minor units.
func story(r source.Reading) []string {
	out := make([]string, 0, len(r.Facts)+1)
	for _, f := range r.Facts {
		out = append(out, tellFact(f)...)
	}
	if r.Quarantine != nil {
		out = append(out, "quarantine "+r.Quarantine.GetReason()+": "+r.Quarantine.GetDetail())
	}
	return out
}

func tellFact(f *intakev1.Fact) []string {
	of := f.GetOrder().GetSource() + "/" + f.GetOrder().GetAccount() + "/" + f.GetOrder().GetId()
	switch b := f.GetBody().(type) {
	case *intakev1.Fact_OrderDescribed:
		return append([]string{"order " + of + " #" + b.OrderDescribed.GetNumber()}, tellOrder(b.OrderDescribed)...)
	case *intakev1.Fact_PaidClaimed:
		return []string{fmt.Sprintf("claim %s %s by %s", of, minor(b.PaidClaimed.GetAmount()), b.PaidClaimed.GetProvider())}
	case *intakev1.Fact_CancellationReported:
		return []string{"cancelled " + of + ": " + b.CancellationReported.GetReason()}
	case *intakev1.Fact_PaymentReported:
		p := b.PaymentReported
		return []string{fmt.Sprintf("%s %s %s %v movement %s by %s", short(p.GetStep()), of, minor(p.GetAmount()), p.GetNames(), p.GetMovementId(), p.GetProvider())}
	case *intakev1.Fact_RefundReported:
		p := b.RefundReported
		return []string{fmt.Sprintf("refund %s %s %s %v id %s: %s", short(p.GetStep()), of, minor(p.GetAmount()), p.GetNames(), p.GetRefundId(), p.GetReason())}
	case *intakev1.Fact_DisputeReported:
		p := b.DisputeReported
		return []string{fmt.Sprintf("dispute %s %s %s %s: %s", short(p.GetStep()), of, minor(p.GetAmount()), p.GetDisputeId(), p.GetReason())}
	case *intakev1.Fact_ShipmentReported:
		s := b.ShipmentReported
		line := fmt.Sprintf("shipment %s %s %s by %s %v", short(s.GetStep()), of, s.GetShipmentId(), s.GetCarrier(), s.GetTrackingNumbers())
		for _, l := range s.GetLines() {
			line += fmt.Sprintf(" %s:%s:%d", l.GetLineId(), l.GetSku(), l.GetQuantity())
		}
		return []string{line}
	case *intakev1.Fact_ScanReported:
		s := b.ScanReported
		step := strings.ReplaceAll(strings.TrimPrefix(s.GetStep().String(), "SCAN_STEP_"), "_", "")
		return []string{fmt.Sprintf("scan %s %s %s %s", strings.ToLower(step), of, s.GetCarrier(), s.GetTrackingNumber())}
	case *intakev1.Fact_StockReported:
		s := b.StockReported
		return []string{fmt.Sprintf("stock %v %s: %d%s", f.GetReferences(), s.GetLocation(), s.GetOnHand(), map[bool]string{true: " left"}[s.GetNetOfOrders()])}
	case *intakev1.Fact_ProductReported:
		p := b.ProductReported
		return []string{fmt.Sprintf("product %s %q %v", p.GetSku(), p.GetTitle(), f.GetReferences())}
	}
	return []string{"something else"}
}

func tellOrder(d *intakev1.OrderDescribed) []string {
	var out []string
	for _, l := range d.GetLines() {
		out = append(out, fmt.Sprintf("  %s %d × %s %q at %s − %d, tax %d, %s", l.GetId(), l.GetQuantity(), l.GetSku(), l.GetTitle(),
			minor(l.GetUnitPrice()), l.GetDiscount().GetMinorUnits(), l.GetTax().GetMinorUnits(), short(l.GetFulfiller())))
	}
	t := d.GetTotals()
	return append(out, fmt.Sprintf("  total %s: goods %d − %d, shipping %d, tax %d included %t", minor(t.GetTotal()), t.GetSubtotal().GetMinorUnits(),
		t.GetDiscount().GetMinorUnits(), t.GetShipping().GetMinorUnits(), t.GetTax().GetMinorUnits(), t.GetTaxIncluded()))
}

func minor(m *typev1.Money) string { return fmt.Sprintf("%s %d", m.GetCurrency(), m.GetMinorUnits()) }

// short is the last word of an enum's name.
func short(e fmt.Stringer) string {
	words := strings.Split(e.String(), "_")
	return strings.ToLower(words[len(words)-1])
}
