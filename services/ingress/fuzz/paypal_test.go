package fuzz_test

import (
	"testing"

	"github.com/orderflow/orderflow/services/ingress/paypal"
)

func FuzzPayPal(f *testing.F) {
	seeds(f, "paypal", untold)
	const (
		capture = `{"id":"C1","status":"COMPLETED","amount":{"currency_code":"EUR","value":"49.90"},"custom_id":"#1001","invoice_id":"7","create_time":"2026-03-01T12:00:00Z","status_details":{"reason":"REFUNDED"},
			"supplementary_data":{"related_ids":{"order_id":"O1","authorization_id":"A1"}},"links":[{"rel":"up","href":"https://api.paypal.com/v2/payments/authorizations/A1"}]}`
		refund  = `{"id":"R1","status":"PENDING","amount":{"value":"-9223372036854775807","currency_code":"JPY"},"links":[{"rel":"up","href":"https://api.sandbox.paypal.com/v2/payments/captures/C1"}]}`
		sale    = `{"id":"S1","state":"completed","amount":{"total":"-0.01","currency":"USD"},"parent_payment":"PAY-1","sale_id":"S0","custom":"1001","reason_code":"X"}`
		order   = `{"id":"O1","purchase_units":[{"custom_id":"1","payments":{"captures":[` + capture + `,{"status":"ODD"}],"authorizations":[{"id":"A1","status":"VOIDED","amount":{"value":1e2,"currency_code":"KWD"}}],"refunds":[` + refund + `]}},null]}`
		dispute = `{"dispute_id":"PP-D-1","status":"RESOLVED","dispute_life_cycle_stage":"INQUIRY","reason":"X","update_time":"2026-03-01T12:00:00Z","dispute_amount":{"value":"1.00","currency_code":"EUR"},
			"disputed_transactions":[{"seller_transaction_id":"C1","custom":"1001"},{}],"dispute_outcome":{"outcome_code":"RESOLVED_BUYER_FAVOUR","amount_refunded":{"value":"0.50","currency_code":"EUR"}}}`
	)
	for kind, resource := range map[string]string{
		"PAYMENT.CAPTURE.COMPLETED": capture, "PAYMENT.CAPTURE.DENIED": capture, "PAYMENT.CAPTURE.REVERSED": capture, "PAYMENT.AUTHORIZATION.CREATED": capture, "PAYMENT.AUTHORIZATION.VOIDED": capture,
		"PAYMENT.CAPTURE.REFUNDED": refund, "PAYMENT.REFUND.FAILED": refund, "PAYMENT.SALE.COMPLETED": sale, "PAYMENT.SALE.REFUNDED": sale, "PAYMENT.SALE.REVERSED": sale,
		"CHECKOUT.ORDER.COMPLETED": order, "CHECKOUT.ORDER.APPROVED": order, "CUSTOMER.DISPUTE.CREATED": dispute, "CUSTOMER.DISPUTE.RESOLVED": dispute, "CATALOG.PRODUCT.CREATED": "{}", "": "null",
	} {
		f.Add("", []byte(`{"id":"WH-1","event_type":"`+kind+`","create_time":"2026-03-01T12:00:00.000Z","resource":`+resource+`,"links":[{"href":"https://api.sandbox.paypal.com/x","rel":"self"}]}`), []byte{})
	}
	read(f, paypal.New(), "")
}
