package ingress

import (
	"testing"

	"github.com/stretchr/testify/assert"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
	"github.com/orderflow/orderflow/services/ingress/source"
)

func TestCardNumbersAreMasked(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"card 4111111111111111, thanks":            "card [card number], thanks",
		"4111 1111 1111 1111":                      "[card number]",
		"5555-5555-5555-4444 and 378282246310005.": "[card number] and [card number].",
		"Mug 4111111111111112":                     "Mug 4111111111111112", // the last digit does not fit
		"EAN 4006381333931":                        "EAN 4006381333931",    // an EAN has another check
		"1234567890128 9999999999999995":           "1234567890128 9999999999999995",
		"41111111111111111111111111":               "41111111111111111111111111", // too long
		"4111  1111 1111 1111":                     "4111  1111 1111 1111",
		"DEMO-001 378282246310005":                 "DEMO-001 [card number]",
		"7 4111 1111 1111 1111 2 mugs":             "7 [card number] 2 mugs",
		"Größe 42 – 12":                            "Größe 42 – 12",
		"":                                         "",
	} {
		assert.Equal(t, want, maskCards(text), text)
		assert.True(t, want == text || mayHoldCard([]byte(text)), text)
	}
	assert.False(t, mayHoldCard([]byte("12 - 34, 5678 9012 x 3456 7890")))
}

// Words lose a card number, and names of things stay: an order is found again by its own.
func TestFactsHoldNoCardNumber(t *testing.T) {
	t.Parallel()
	const pan = "4111111111111111"
	f := &intakev1.Fact{Order: &typev1.OrderKey{Id: pan}, Body: &intakev1.Fact_OrderDescribed{OrderDescribed: &intakev1.OrderDescribed{
		Number: pan, Person: &typev1.Person{Name: "Ada " + pan, Phone: pan, Shipping: &typev1.Address{Line2: pan}},
		Lines: []*typev1.Line{{Id: pan, Sku: pan, Title: "Gift " + pan}},
	}}}
	reading := source.Reading{Facts: []*intakev1.Fact{f}}
	fit(&reading)
	o := f.GetOrderDescribed()
	assert.Equal(t, "Ada [card number]", o.GetPerson().GetName())
	assert.Equal(t, "[card number]", o.GetPerson().GetShipping().GetLine2())
	assert.Equal(t, "Gift [card number]", o.GetLines()[0].GetTitle())
	for _, name := range []string{f.GetOrder().GetId(), o.GetNumber(), o.GetPerson().GetPhone(), o.GetLines()[0].GetId(), o.GetLines()[0].GetSku()} {
		assert.Equal(t, pan, name)
	}
}
