package money

import (
	"fmt"
	"math"
	"strings"
)

// exponents of ISO 4217: how many decimal digits a currency's minor unit has. What is not listed here and is in
// twoDigits has two.
var exponents = map[string]int{
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0, "UGX": 0, "UYI": 0,
	"VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
	"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
	"CLF": 4, "UYW": 4,
}

const twoDigits = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW " +
	"CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD " +
	"KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD " +
	"PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD " +
	"TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"

// Exponent is how many decimal digits a currency's minor unit has.
func Exponent(currency string) (int, error) {
	if e, ok := exponents[currency]; ok {
		return e, nil
	}
	if len(currency) == 3 && !strings.Contains(currency, " ") && strings.Contains(twoDigits, currency) {
		return 2, nil
	}
	return 0, fmt.Errorf("%q: %w", currency, ErrUnknownCurrency)
}

// stripeExponents are the currencies that Stripe counts in whole units though ISO 4217 gives them two digits, or the
// other way round. Source: the list of zero-decimal currencies and special cases in Stripe's documentation on currencies.
var stripeExponents = map[string]int{"MGA": 0, "ISK": 2, "UGX": 2}

// FromStripe turns Stripe's integer amount into minor units of ISO 4217. Stripe counts some currencies otherwise than
// ISO does; an amount that ISO's minor unit cannot hold exactly is an error.
func FromStripe(amount int64, currency string) (Amount, error) {
	return recounted("Stripe", stripeExponents, amount, currency)
}

// adyenExponents are the currencies that Adyen counts otherwise than ISO 4217 does. Source: Adyen's documentation on
// currency codes, where they are marked as differing from the standard.
var adyenExponents = map[string]int{"CLP": 2, "CVE": 0, "IDR": 0, "ISK": 2}

// FromAdyen turns Adyen's integer amount into minor units of ISO 4217. Adyen counts some currencies otherwise than ISO
// does; an amount that ISO's minor unit cannot hold exactly is an error.
func FromAdyen(amount int64, currency string) (Amount, error) {
	return recounted("Adyen", adyenExponents, amount, currency)
}

// recounted is an amount of somebody who counts some currencies otherwise, in minor units of ISO 4217.
func recounted(who string, exponents map[string]int, amount int64, currency string) (Amount, error) {
	if amount == math.MinInt64 { // has no counterpart above zero, so that nothing could ever be counted against it
		return Amount{}, fmt.Errorf("%d of %s's %s: %w", amount, who, currency, ErrOverflow)
	}
	iso, err := Exponent(currency)
	if err != nil {
		return Amount{amount, currency}, err
	}
	theirs, special := exponents[currency]
	if !special {
		return Amount{amount, currency}, nil
	}
	for ; theirs < iso; theirs++ {
		a, err := Amount{amount, currency}.Times(10)
		if err != nil {
			return Amount{}, err
		}
		amount = a.Minor
	}
	for ; theirs > iso; theirs-- {
		if amount%10 != 0 {
			return Amount{}, fmt.Errorf("%d of %s's %s: %w", amount, who, currency, ErrTooFine)
		}
		amount /= 10
	}
	return Amount{amount, currency}, nil
}
