package fuzz_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/amazon"
)

func FuzzAmazon(f *testing.F) {
	seeds(f, "amazon", untold)
	const (
		money = `{"CurrencyCode":"USD","Amount":"10.01"}`
		item  = `{"OrderItemId":"1","ASIN":"B0","QuantityOrdered":7,"QuantityShipped":7,"ItemPrice":` + money + `,"ItemTax":` + money + `,"ShippingPrice":` + money + `,"ShippingTax":` + money +
			`,"ShippingDiscount":` + money + `,"PromotionDiscount":` + money + `,"PromotionDiscountTax":` + money + `,"BuyerInfo":{"GiftWrapPrice":` + money + `}}`
		order = `{"NotificationType":"order","Payload":{"Order":{"AmazonOrderId":"1","OrderStatus":"Shipped","FulfillmentChannel":"AFN","OrderTotal":` + money + `,"LastUpdateDate":"2026-03-01T12:00:00Z"},"OrderItems":[` + item + `,` + item + `]}}`
	)
	for _, body := range []string{
		order, `{"detail":` + order + `}`, `{"NotificationType":"ANY_OFFER_CHANGED"}`, `{"NotificationType":"X"}`, `{"notificationType":"ORDER_CHANGE","payload":null}`,
	} {
		f.Add("", []byte(body), []byte{4, 0, 9, 31, 0, 0, 20, 0})
		enclosed, err := json.Marshal(map[string]string{"Type": "Notification", "MessageId": "m-1", "TopicArn": "arn:aws:sns:eu-west-1:123456789012:x", "Message": body, "Timestamp": "2026-03-01T12:00:00Z"})
		require.NoError(f, err)
		f.Add("", enclosed, []byte{})
	}
	read(f, amazon.New(), "")
}
