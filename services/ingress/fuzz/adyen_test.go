package fuzz_test

import (
	"testing"

	"github.com/orderflow/orderflow/services/ingress/adyen"
)

func FuzzAdyen(f *testing.F) {
	seeds(f, "adyen", untold)
	const usual = `"pspReference":"PSP1","originalReference":"ORIG","merchantReference":"#1001","eventDate":"2026-03-01T13:00:00+01:00","reason":"Refused"`
	for _, code := range []string{
		"AUTHORISATION", "AUTHORISATION_ADJUSTMENT", "CAPTURE", "CAPTURE_FAILED", "CANCELLATION", "CANCEL_OR_REFUND", "REFUND", "REFUND_FAILED", "POSTPONED_REFUND", "OFFER_CLOSED", "EXPIRE",
		"CHARGEBACK", "CHARGEBACK_REVERSED", "REQUEST_FOR_INFORMATION", "REPORT_AVAILABLE", "TELEPORTED", "",
	} {
		for _, rest := range []string{
			`"success":"true","amount":{"value":4990,"currency":"EUR"},"additionalData":{"modification.action":"refund","fraudResultType":"FRAUD","cardIssuingCountry":"DE"}`,
			`"success":false,"amount":{"value":"9223372036854775807","currency":"IDR"},"additionalData":[]`,
		} {
			f.Add("", []byte(`{"live":"true","notificationItems":[{"NotificationRequestItem":{"eventCode":"`+code+`",`+usual+`,`+rest+`}},null,{}]}`), []byte{})
		}
	}
	f.Add("", []byte(`{"type":"balancePlatform.transfer.created","environment":"test","data":{}}`), []byte{})
	read(f, adyen.New(), "")
}
