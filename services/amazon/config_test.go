package amazon

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/host"
)

// Without settings it runs, does nothing and says so.
func TestWithoutSettingsItDoesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stop := w.run()
	w.eventually(func() bool {
		return strings.Contains(w.log.String(), "AMAZON_LWA_CLIENT_ID is not set") && strings.Contains(w.log.String(), "AMAZON_SQS_QUEUE_URL is not set")
	}, "it says so")
	stop()
}

func TestSettingsThatCannotBeMeant(t *testing.T) {
	t.Parallel()
	for want, environ := range map[string]map[string]string{
		"":                               {"AMAZON_SHOP": "shopify/default", "AMAZON_SQS_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/orders"},
		"are set together":               {"AMAZON_LWA_CLIENT_ID": "x"},
		"AMAZON_SQS_QUEUE_URL is no URL": {"AMAZON_SQS_QUEUE_URL": "orders"},
		"AMAZON_API_ENDPOINT is no URL":  {"AMAZON_API_ENDPOINT": "sellingpartnerapi-eu.amazon.com"},
		"AMAZON_SQS_VISIBILITY is from":  {"AMAZON_SQS_VISIBILITY": "1s"},
		"AMAZON_API_TIMEOUT":             {"AMAZON_API_TIMEOUT": "0s"},
		"AMAZON_SHOP: ":                  {"AMAZON_SHOP": "ebay/default"},
	} {
		err := host.Read(environ, &Config{})
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, want)
	}
}

// A queue without a region is a mistake that is told at the start.
func TestAQueueNeedsARegion(t *testing.T) {
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	_, err := newSQS(t.Context(), &Config{})
	require.ErrorContains(t, err, "AMAZON_SQS_REGION is not set")
}
