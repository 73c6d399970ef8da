package ingress

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// Config is what an operator can set about the ingress. Further accounts have settings whose names end in theirs, see
// accounts.go.
type Config struct {
	Listen         string        `env:"INGRESS_LISTEN" envDefault:"127.0.0.1:8080" desc:"Address where webhooks are taken."`
	Sources        []string      `env:"INGRESS_SOURCES" envDefault:"stripe,shopify,woocommerce,checkout" desc:"Sources that are taken, separated by commas; twilio is its status callbacks, sandbox the sandbox carrier. Each needs its secret."`
	MaxBody        int64         `env:"INGRESS_MAX_BODY" envDefault:"1048576" desc:"Largest body of a webhook, in bytes. Twilio 262144; UPS 4194304, since it sends photographs. <SOURCE>_MAX_BODY for one source."`
	PublishTimeout time.Duration `env:"INGRESS_PUBLISH_TIMEOUT" envDefault:"3s" desc:"How long a delivery that has arrived may take to be kept, certificates and confirmations included, before the provider is told to come again (503); never beyond INGRESS_ANSWER_TIMEOUT."`
	PublicURL      string        `env:"INGRESS_PUBLIC_URL" desc:"The address that providers call, such as https://hooks.example.com: for sources that sign it. Without it, the Host header says, or a trusted proxy."`

	Door

	StripeSecrets      []string `env:"STRIPE_WEBHOOK_SECRET" secret:"true" desc:"Secret of Stripe's webhook endpoint, as it stands there (whsec_…). Several, separated by commas, while it is changed; STRIPE_WEBHOOK_SECRET_<ACCOUNT> for /webhooks/stripe/<account>."`
	AdyenKeys          []string `env:"ADYEN_WEBHOOK_SECRET" secret:"true" desc:"HMAC key of Adyen's webhook, in hexadecimal digits as it is shown there. Several, separated by commas, while it is changed; ADYEN_WEBHOOK_SECRET_<ACCOUNT> for further ones."`
	PayPalWebhooks     []string `env:"PAYPAL_WEBHOOK_ID" desc:"Id of PayPal's webhook, as it is shown there: PayPal signs it, and no secret is shared. Several, separated by commas; PAYPAL_WEBHOOK_ID_<ACCOUNT> for further ones."`
	ShopifySecrets     []string `env:"SHOPIFY_WEBHOOK_SECRET" secret:"true" desc:"Client secret of the Shopify app, or the signing key of the shop's own webhooks. Several, separated by commas; SHOPIFY_WEBHOOK_SECRET_<ACCOUNT> for further shops."`
	WooCommerceSecrets []string `env:"WOOCOMMERCE_WEBHOOK_SECRET" secret:"true" desc:"Secret of the WooCommerce webhooks. Several, separated by commas; WOOCOMMERCE_WEBHOOK_SECRET_<ACCOUNT> for further shops."`
	CheckoutSecrets    []string `env:"CHECKOUT_WEBHOOK_SECRET" secret:"true" desc:"Secret of a checkout of one's own (Standard Webhooks): whsec_ and base64 of 24 to 64 bytes, or its public key, whpk_ and base64. Several, separated by commas; CHECKOUT_WEBHOOK_SECRET_<ACCOUNT> for further ones."`
	B2BSecrets         []string `env:"B2B_WEBHOOK_SECRET" secret:"true" desc:"What procurement portals sign with (Standard Webhooks): a secret that both share, whsec_ and base64 of 24 to 64 bytes, or the portal's public key, whpk_ and base64. Several of both, separated by commas; B2B_WEBHOOK_SECRET_<ACCOUNT> for further portals."`
	AmazonTopics       []string `env:"AMAZON_SNS_TOPIC" desc:"ARN of the SNS topic that hands on the notifications of Amazon's Selling Partner API: SNS signs with its certificate, and no secret is shared. Several, separated by commas; AMAZON_SNS_TOPIC_<ACCOUNT> for further seller accounts."`
	SandboxSecrets     []string `env:"SANDBOX_WEBHOOK_SECRET" secret:"true" desc:"Signs the sandbox carrier's tracking webhooks: whsec_ and base64 of 24 to 64 bytes."`
	EasyPostSecrets    []string `env:"EASYPOST_WEBHOOK_SECRET" secret:"true" desc:"Secret of EasyPost's webhook, as it was given there. Several, separated by commas, while it is changed; EASYPOST_WEBHOOK_SECRET_<ACCOUNT> for further accounts."`
	ShippoSecrets      []string `env:"SHIPPO_WEBHOOK_SECRET" secret:"true" desc:"What Shippo proves itself with: the key for Shippo-Auth-Signature that Shippo gives out, or token: and the token that stands in the webhook's URL (…/webhooks/shippo?token=…). Several of both, separated by commas; SHIPPO_WEBHOOK_SECRET_<ACCOUNT> for further accounts."`
	FedExTokens        []string `env:"FEDEX_WEBHOOK_SECRET" secret:"true" desc:"Security token of FedEx's webhook project (Advanced Integrated Visibility). Several, separated by commas; FEDEX_WEBHOOK_SECRET_<ACCOUNT> for further projects."`
	UPSCredentials     []string `env:"UPS_WEBHOOK_SECRET" secret:"true" desc:"What UPS Track Alert sends along, since it signs nothing: a credential, or bearer:<x-api-key>:<token>. Long, and used for nothing else. Several, separated by commas; UPS_WEBHOOK_SECRET_<ACCOUNT> for further accounts."`
	USPSSecrets        []string `env:"USPS_WEBHOOK_SECRET" secret:"true" desc:"Secret that the USPS tracking subscription was made with. Several, separated by commas; USPS_WEBHOOK_SECRET_<ACCOUNT> for further subscriptions."`
	TwilioTokens       []string `env:"TWILIO_AUTH_TOKEN" secret:"true" desc:"Auth token of the Twilio account: signs its status callbacks, and texts are sent with the first one. Several, separated by commas, while it is changed; TWILIO_AUTH_TOKEN_<ACCOUNT> for callbacks of further accounts."`

	StripeShop string `env:"STRIPE_SHOP" envDefault:"checkout/default" desc:"The shop whose order numbers stand in the metadata of payments, as source/account. STRIPE_SHOP_<ACCOUNT> for further Stripe accounts."`

	AdyenShop  string `env:"ADYEN_SHOP" envDefault:"checkout/default" desc:"The shop whose order numbers are Adyen's merchant references, as source/account. ADYEN_SHOP_<ACCOUNT> for further Adyen accounts."`
	AmazonShop string `env:"AMAZON_SHOP" desc:"The shop after whose order numbers the fulfilment orders are named that Amazon ships for other shops, as source/account; empty if it ships for none. AMAZON_SHOP_<ACCOUNT> for further seller accounts."`
	PayPalShop string `env:"PAYPAL_SHOP" envDefault:"checkout/default" desc:"The shop whose order numbers stand in custom_id (or invoice_id) of PayPal's payments, as source/account. PAYPAL_SHOP_<ACCOUNT> for further PayPal accounts."`

	AdyenCapture string `env:"ADYEN_CAPTURE" envDefault:"manual" desc:"How the Adyen account captures: manual, where each capture is asked for and told, or automatic (Adyen's own default), where an authorisation is all that is told and counts as paid. ADYEN_CAPTURE_<ACCOUNT> for one account."`

	Mode            string `env:"INGRESS_MODE" envDefault:"live" desc:"Which deliveries are used: live, test or both. The others are kept in quarantine."`
	StripeMode      string `env:"STRIPE_MODE" desc:"INGRESS_MODE for Stripe alone; STRIPE_MODE_<ACCOUNT> for one account."`
	AdyenMode       string `env:"ADYEN_MODE" desc:"INGRESS_MODE for Adyen alone; ADYEN_MODE_<ACCOUNT> for one account."`
	PayPalMode      string `env:"PAYPAL_MODE" desc:"INGRESS_MODE for PayPal alone; PAYPAL_MODE_<ACCOUNT> for one account."`
	ShopifyMode     string `env:"SHOPIFY_MODE" desc:"INGRESS_MODE for Shopify alone; SHOPIFY_MODE_<ACCOUNT> for one shop."`
	WooCommerceMode string `env:"WOOCOMMERCE_MODE" desc:"INGRESS_MODE for WooCommerce alone; WOOCOMMERCE_MODE_<ACCOUNT> for one shop."`
	B2BMode         string `env:"B2B_MODE" desc:"INGRESS_MODE for procurement portals alone; B2B_MODE_<ACCOUNT> for one of them."`
	EasyPostMode    string `env:"EASYPOST_MODE" desc:"INGRESS_MODE for EasyPost alone; EASYPOST_MODE_<ACCOUNT> for one account."`
	ShippoMode      string `env:"SHIPPO_MODE" desc:"INGRESS_MODE for Shippo alone; SHIPPO_MODE_<ACCOUNT> for one account."`
	CheckoutMode    string `env:"CHECKOUT_MODE" desc:"INGRESS_MODE for checkouts alone; CHECKOUT_MODE_<ACCOUNT> for one of them."`
}

// Bounds of settings: below them nothing gets through, above them one request could take the process's memory.
const (
	leastBody = 1 << 10
	mostBody  = 6 << 20
)

// Check says everything that cannot be meant.
func (c *Config) Check() error {
	var errs []error
	if c.MaxBody < leastBody || c.MaxBody > mostBody {
		errs = append(errs, fmt.Errorf("INGRESS_MAX_BODY is from %d to %d bytes", leastBody, mostBody))
	}
	if c.PublishTimeout <= 0 {
		errs = append(errs, errors.New("INGRESS_PUBLISH_TIMEOUT has to be longer than nothing"))
	}
	errs = append(errs, c.Door.check())
	return errors.Join(errs...)
}

// CheckEnviron says everything that cannot be meant about accounts, of which the environment may name any number.
func (c *Config) CheckEnviron(environ map[string]string) error {
	_, err := settle(c, environ)
	return err
}

// list is what a setting of several words holds, and text one of a single word: by their names, so that a source has its
// settings by having them in Config. There is nothing in one that is not there.
func (c *Config) list(setting string) []string {
	field, _ := c.field(setting)
	words, _ := field.([]string)
	return words
}

func (c *Config) text(setting string) string {
	field, _ := c.field(setting)
	word, _ := field.(string)
	return word
}

func (c *Config) field(setting string) (value any, is bool) {
	all := reflect.ValueOf(c).Elem()
	for i := range all.NumField() {
		if all.Type().Field(i).Tag.Get("env") == setting {
			return all.Field(i).Interface(), true
		}
	}
	return nil, false
}

// mode is which deliveries a source's accounts take. One that has no such setting cannot tell what is a test: all.
func (c *Config) mode(prefix string) told {
	setting := prefix + modeSetting
	switch _, is := c.field(setting); {
	case !is:
		return told{setting, string(source.Both)}
	case c.text(setting) == "":
		return told{"INGRESS_MODE", c.Mode}
	}
	return told{setting, c.text(setting)}
}
