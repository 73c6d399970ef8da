package amazon

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/orderflow/orderflow/services/ingress"
	"github.com/orderflow/orderflow/services/ingress/source"
)

// Config is what an operator can set about getting things from Amazon.
type Config struct {
	Account string `env:"AMAZON_ACCOUNT" envDefault:"default" desc:"The account of the source amazon whose orders are read again, and to which the queue belongs: that of its webhooks' path and of AMAZON_SNS_TOPIC_<ACCOUNT>."`
	Shop    string `env:"AMAZON_SHOP" desc:"The shop after whose order numbers the fulfilment orders are named that Amazon ships for other shops, as source/account; empty if it ships for none. AMAZON_SHOP_<ACCOUNT> for further seller accounts."`

	ClientID     string        `env:"AMAZON_LWA_CLIENT_ID" desc:"Client id of the Selling Partner API application (Login with Amazon). Without it no order is read again."`
	ClientSecret string        `env:"AMAZON_LWA_CLIENT_SECRET" secret:"true" desc:"Client secret of the same application."`
	RefreshToken string        `env:"AMAZON_LWA_REFRESH_TOKEN" secret:"true" desc:"Refresh token with which the seller authorised the application."`
	TokenURL     string        `env:"AMAZON_LWA_ENDPOINT" envDefault:"https://api.amazon.com/auth/o2/token" desc:"Where refresh tokens are exchanged."`
	API          string        `env:"AMAZON_API_ENDPOINT" envDefault:"https://sellingpartnerapi-na.amazon.com" desc:"The Selling Partner API of the seller's region: -na, -eu or -fe."`
	Timeout      time.Duration `env:"AMAZON_API_TIMEOUT" envDefault:"10s" desc:"How long one call of the Selling Partner API may take."`

	QueueURL   string        `env:"AMAZON_SQS_QUEUE_URL" desc:"URL of the SQS queue into which Amazon puts notifications, bare or in SNS's envelope. Without it no queue is read. Credentials are found as AWS's tools find them (AWS_ACCESS_KEY_ID …, or the role of the pod)."`
	Region     string        `env:"AMAZON_SQS_REGION" desc:"Region of the queue, such as eu-west-1; AWS_REGION if it is not set."`
	Endpoint   string        `env:"AMAZON_SQS_ENDPOINT" desc:"Address of an SQS that is not Amazon's, or is reached by another way."`
	Visibility time.Duration `env:"AMAZON_SQS_VISIBILITY" envDefault:"60s" desc:"How long a message that was received stays hidden from other readers of the queue. One that could not be kept by then comes again."`
}

// Bounds of the time that messages are hidden: keeping them takes seconds, and SQS hides none for longer than 12 hours.
const (
	leastVisibility = 2 * keepTimeout
	mostVisibility  = 12 * time.Hour
)

// Check says everything that cannot be meant.
func (c *Config) Check() error {
	var errs []error
	if c.reads() && (c.ClientID == "" || c.ClientSecret == "" || c.RefreshToken == "") {
		errs = append(errs, errors.New("AMAZON_LWA_CLIENT_ID, AMAZON_LWA_CLIENT_SECRET and AMAZON_LWA_REFRESH_TOKEN are set together"))
	}
	for name, value := range map[string]string{"AMAZON_LWA_ENDPOINT": c.TokenURL, "AMAZON_API_ENDPOINT": c.API, "AMAZON_SQS_QUEUE_URL": c.QueueURL, "AMAZON_SQS_ENDPOINT": c.Endpoint} {
		if u, err := url.Parse(value); value != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "") {
			errs = append(errs, fmt.Errorf("%s is no URL", name))
		}
	}
	if c.Timeout <= 0 {
		errs = append(errs, errors.New("AMAZON_API_TIMEOUT has to be longer than nothing"))
	}
	if c.Visibility < leastVisibility || c.Visibility > mostVisibility {
		errs = append(errs, fmt.Errorf("AMAZON_SQS_VISIBILITY is from %s to %s", leastVisibility, mostVisibility))
	}
	if _, err := c.account(); err != nil {
		errs = append(errs, fmt.Errorf("AMAZON_SHOP: %w", err))
	}
	return errors.Join(errs...)
}

// reads says that orders are to be read.
func (c *Config) reads() bool {
	return c.ClientID != "" || c.ClientSecret != "" || c.RefreshToken != ""
}

// account is as the ingress has it.
func (c *Config) account() (source.Account, error) {
	a := source.Account{Name: c.Account, Mode: source.Both}
	if c.Shop == "" {
		return a, nil
	}
	var err error
	a.Shop, err = ingress.ParseShop(c.Shop)
	return a, err
}
