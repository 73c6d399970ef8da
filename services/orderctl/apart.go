package orderctl

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
)

// apart says where things are when every service is a process of its own on this machine, with the sandbox as the world
// outside.
type apart struct {
	databaseURL          string
	ingress, pages, mail string // addresses: of the first ingress, of the sandbox's pages and of its mailbox
	dir                  string // of the sandbox's books
}

// secrets are the sources' secrets, by source. They protect nothing.
func (apart) secrets() map[string]string {
	standard := "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	return map[string]string{"stripe": "whsec_apart", "shopify": "apart", "woocommerce": "apart", "checkout": standard, "sandbox": standard}
}

// environ is what 'orderctl up --sandbox' sets, said for processes.
func (a apart) environ() map[string]string {
	s := a.secrets()
	return map[string]string{
		"DATABASE_URL":          a.databaseURL,
		"MASTER_KEY":            base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{9}, 32)),
		"STRIPE_WEBHOOK_SECRET": s["stripe"], "SHOPIFY_WEBHOOK_SECRET": s["shopify"], "WOOCOMMERCE_WEBHOOK_SECRET": s["woocommerce"],
		"CHECKOUT_WEBHOOK_SECRET": s["checkout"], "SANDBOX_WEBHOOK_SECRET": s["sandbox"],
		"STRIPE_WEBHOOK_SECRET_SHOPIFY": s["stripe"], "STRIPE_SHOP_SHOPIFY": "shopify/default",
		"INGRESS_SOURCES": "stripe,shopify,woocommerce,checkout,sandbox", "INGRESS_MODE": "both",
		"CARRIER_URL": "http://" + a.pages, "CARRIER_KEY": "apart", "SANDBOX_CARRIER_KEY": "apart", "SANDBOX_DIR": filepath.Join(a.dir, "sandbox"),
		"SANDBOX_LISTEN": a.pages, "SANDBOX_SMTP_LISTEN": a.mail, "SANDBOX_TRACKING_URL": "http://" + a.ingress + "/webhooks/sandbox",
		"SMTP_URL": "smtp://" + a.mail + "?starttls=none", "MAIL_FROM": "The shop <orders@shop.example>", "FULFILLMENT_REQUIRE_ADDRESS": "false",
	}
}

// Ports below those that the kernel gives to whoever does not care, so that nobody gets one between its being found free
// and its being used.
const (
	firstPort = 15000
	manyPorts = 15000
)

// freeAddress is one on this machine that nobody listens at.
func freeAddress(random *rand.Rand) (string, error) {
	var err error
	for range 100 {
		var l net.Listener
		l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", firstPort+random.IntN(manyPorts))) //nolint:noctx // it takes no time
		if err == nil {
			return l.Addr().String(), l.Close()
		}
	}
	return "", fmt.Errorf("no port is free: %w", err)
}
