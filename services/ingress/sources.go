package ingress

import (
	"github.com/orderflow/orderflow/services/ingress/adyen"
	"github.com/orderflow/orderflow/services/ingress/amazon"
	"github.com/orderflow/orderflow/services/ingress/b2b"
	"github.com/orderflow/orderflow/services/ingress/checkout"
	"github.com/orderflow/orderflow/services/ingress/easypost"
	"github.com/orderflow/orderflow/services/ingress/fedex"
	"github.com/orderflow/orderflow/services/ingress/paypal"
	"github.com/orderflow/orderflow/services/ingress/sandbox"
	"github.com/orderflow/orderflow/services/ingress/shippo"
	"github.com/orderflow/orderflow/services/ingress/shopify"
	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/stripe"
	"github.com/orderflow/orderflow/services/ingress/twilio"
	"github.com/orderflow/orderflow/services/ingress/ups"
	"github.com/orderflow/orderflow/services/ingress/usps"
	"github.com/orderflow/orderflow/services/ingress/woocommerce"
)

// Sources is the list of sources.
func Sources() []source.Source {
	return []source.Source{
		stripe.New(), adyen.New(), paypal.New(), shopify.New(), woocommerce.New(), checkout.New(), b2b.New(), sandbox.New(), twilio.New(),
		easypost.New(), shippo.New(), fedex.New(), ups.New(), usps.New(), amazon.New(),
	}
}

// SourceByName finds one of them; nil if there is none of that name.
func SourceByName(name string) source.Source {
	for _, s := range Sources() {
		if s.Name() == name {
			return s
		}
	}
	return nil
}
