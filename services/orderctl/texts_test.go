package orderctl

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/services/orderctl/demo"
)

// An order whose customer has a phone, through everything that is there: the sandbox's phone takes the texts, its signed
// status callbacks come back through the ingress, and the tables and 'order show' say what became of them.
func TestACustomerWithAPhoneIsTexted(t *testing.T) {
	t.Parallel()
	r := runAll(t, "SMS_PROVIDER", "twilio")
	require.NoError(t, fillShelves(t.Context(), r.ground, demo.Stock(10)))
	reached, unreachable := ident.Order("checkout", "default", "T-1"), ident.Order("checkout", "default", "T-2")
	for id, phone := range map[ident.Entity][2]string{reached: {"T-1", "(415) 555-0100"}, unreachable: {"T-2", "+1 500 555 0007"}} {
		r.tell(t, id, "checkout", `{"type":"order.paid","timestamp":"2026-01-02T15:04:05Z","data":{"order_number":"`+phone[0]+`","currency":"USD","total":"10.00",
			"customer":{"email":"robin+`+phone[0]+`@example.com","name":"Robin","phone":"`+phone[1]+`"},
			"shipping_address":{"line1":"1 Main St","city":"Portland","postal_code":"04101","country":"US"},
			"items":[{"sku":"DEMO-001","quantity":1,"price":"10.00"}],"payment":{"provider":"card","id":"pay_`+phone[0]+`"}}}`)
	}
	texts := func(id ident.Entity) []string {
		rows, err := r.pool.Query(t.Context(), `SELECT outcome || ' ' || provider || ' ' || coalesce(report, '-') || coalesce(' ' || error_code, '')
			FROM read.notifications WHERE order_id = $1 AND channel = 'sms' AND kind = 'delivered'`, uuid.UUID(id))
		require.NoError(t, err)
		all, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return all
	}
	for id, want := range map[ident.Entity]string{reached: "sent twilio delivered", unreachable: "sent twilio undelivered 30003"} {
		require.Eventually(t, func() bool { return assert.ObjectsAreEqual([]string{want}, texts(id)) }, lifetime, 50*time.Millisecond, want)
	}
	assert.Zero(t, r.count(t, `SELECT count(*) FROM journal.deliveries WHERE source = 'twilio' AND quarantine_reason IS NOT NULL`))
	assert.Zero(t, r.count(t, `SELECT count(*) FROM orderflow.events WHERE encode(data, 'escape') LIKE '%4155550100%' OR encode(data, 'escape') LIKE '%555-0100%'`),
		"no number stands in an event as it is")
	assert.Equal(t, 3, r.mails(t, "robin+T-1@example.com"), "mails are sent as ever")
}
