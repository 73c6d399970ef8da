package source

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/money"

	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// Money reads a decimal in major units, as a string or a JSON number, digit by digit. A currency that nobody knows is
// read with two digits: what the provider said is recorded, and the order will be held for its currency.
func Money(decimal Scalar, currency string) (*typev1.Money, error) {
	amount, err := money.ParseNumber(decimal.String(), currency)
	if errors.Is(err, money.ErrUnknownCurrency) {
		amount, err = money.ParseNumber(decimal.String(), "USD")
		amount.Currency = currency
	}
	if err != nil {
		return nil, err
	}
	return amount.Proto(), nil
}

// Currency is a code in upper case, as the provider said it; empty if what it said is no code at all.
func Currency(code string) string {
	code = strings.ToUpper(strings.TrimSpace(code))
	if len(code) != 3 {
		return ""
	}
	for _, c := range code {
		if c < 'A' || c > 'Z' {
			return ""
		}
	}
	return code
}

// countries are the codes of ISO 3166-1 alpha-2, and XK for Kosovo, which shops and banks use.
const countries = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG " +
	"CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM " +
	"GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC " +
	"LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ " +
	"OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC " +
	"TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW"

// Country is a code of ISO 3166-1 alpha-2 in upper case; empty for anything else, such as a name.
func Country(code string) string {
	code = strings.ToUpper(strings.TrimSpace(code))
	if len(code) == 2 && !strings.Contains(code, " ") && strings.Contains(countries, code) {
		return code
	}
	return ""
}

// Address is the address, or nil if nothing is in it.
func Address(a *typev1.Address) *typev1.Address {
	if proto.Size(a) == 0 {
		return nil
	}
	return a
}

// Person is the person, or nil if nothing is known of one.
func Person(p *typev1.Person) *typev1.Person {
	if proto.Size(p) == 0 {
		return nil
	}
	return p
}

// Key names an order at its shop.
func Key(s ShopKey, id string) *typev1.OrderKey {
	return &typev1.OrderKey{Source: s.Source, Account: s.Account, Id: id}
}

// NumberRef is the reference of an order by the number that people use.
func NumberRef(s ShopKey, number string) string {
	return "number:" + s.Source + ":" + s.Account + ":" + number
}

// longestName is the longest that an id, a SKU or a reference may be: what is longer fits no index and is a mistake.
const longestName = 255

// IsName says that a text can be an id, a SKU or a number: something, and not too much of it.
func IsName(s string) bool { return s != "" && len(s) <= longestName }

// Time reads a time as RFC 3339 has it; nil if it is none, or beyond what a database can hold.
func Time(s string) *timestamppb.Timestamp {
	t, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(s))
	if err != nil {
		return nil
	}
	return Moment(t)
}

// Unix reads a time in seconds since 1970; nil for none (0), or beyond what a database can hold.
func Unix(seconds int64) *timestamppb.Timestamp {
	if seconds == 0 {
		return nil
	}
	return Moment(time.Unix(seconds, 0))
}

// Moment is the time in a message; nil if it is beyond the years 1 to 9999.
func Moment(t time.Time) *timestamppb.Timestamp {
	stamp := timestamppb.New(t)
	if t.IsZero() || stamp.CheckValid() != nil {
		return nil
	}
	return stamp
}

// Why says what is wrong with an amount, in words that do not repeat what stood there.
func Why(err error) string {
	for _, known := range []error{money.ErrNotDecimal, money.ErrTooFine, money.ErrOverflow, money.ErrUnknownCurrency} {
		if errors.Is(err, known) {
			return "is an amount that cannot be read: " + known.Error()
		}
	}
	return "cannot be read"
}

// Distinct makes the ids of lines distinct: a line without one gets its ordinal, one whose id was used gets both.
func Distinct(lines []*typev1.Line) {
	seen := map[string]bool{}
	for i, l := range lines {
		if l.GetId() == "" {
			l.Id = strconv.Itoa(i + 1)
		}
		for seen[l.GetId()] {
			l.Id += "#" + strconv.Itoa(i+1)
		}
		seen[l.GetId()] = true
	}
}
