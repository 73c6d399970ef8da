package notifier

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

func TestNumbers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ told, country, want string }{
		{"+14155550100", "", "+14155550100"},
		{" +1 (415) 555-0100 ", "", "+14155550100"},
		{"+49 (0)30 1234567", "DE", "+49301234567"},
		{"0049 30 / 123 45 67", "", "+49301234567"},
		{"+44\u00a020\u20117946\u20130958", "GB", "+442079460958"},
		{"(415) 555-0100", "US", "+14155550100"},
		{"1-415-555-0100", "CA", "+14155550100"},
		{"415.555.0100", "MX", ""},
		{"030 1234567", "DE", ""},
		{"0415550100", "US", ""},
		{"415-555-0100 ext. 12", "US", ""},
		{"+1415555010012345678", "US", ""},
		{"+0415555010", "", ""},
		{"+", "", ""},
		{"", "US", ""},
		{"call me", "", ""},
		{"4+15551234", "US", ""},
	} {
		assert.Equal(t, c.want, dialled(c.told, c.country), c.told)
	}
}

func TestWhichNumberIsTaken(t *testing.T) {
	t.Parallel()
	p := &typev1.Person{Phone: "030 1234567", Shipping: &typev1.Address{Phone: "415 555 0100", Country: "US"}, Billing: &typev1.Address{Phone: "+442079460958"}}
	assert.Equal(t, "+14155550100", numberOf(p), "the first that can be dialled")
	p.Phone = "+49301234567"
	assert.Equal(t, "+49301234567", numberOf(p))
	p.Phone, p.Shipping = "", nil
	assert.Equal(t, "+442079460958", numberOf(p))
	assert.Empty(t, numberOf(nil))
}

func TestNothingElseIsDialled(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		told := rapid.OneOf(rapid.String(), rapid.StringMatching(`[+0]?[0-9 ()./-]{0,20}`)).Draw(t, "number")
		n := dialled(told, rapid.SampledFrom([]string{"US", "DE", ""}).Draw(t, "country"))
		if n != "" && !e164.MatchString(n) {
			t.Fatalf("%q is dialled as %q", told, n)
		}
	})
}
