package local

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode"

	"github.com/orderflow/orderflow/pkg/host"
)

// Names of files in the folder.
const (
	keyFile     = "master.key"
	runFile     = "run.json"
	sandboxFile = "sandbox.json"
)

// lock keeps a second process off the folder.
func (g *Ground) lock(context.Context) error {
	file, err := os.OpenFile(filepath.Join(g.Dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return usable(fmt.Errorf("lock the data folder: %w", err))
	}
	g.onClose(func() { _ = file.Close() }) // which lets go of the lock
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("another orderctl runs on %s: stop it, or choose another folder with --data", g.Dir)
	}
	return nil
}

// key makes the master key at the first start. It belongs to the data: without it nobody can read who ordered. A key
// that the environment brings is put in front of those that are there, so that nothing becomes unreadable.
func (g *Ground) key(context.Context) error {
	path := filepath.Join(g.Dir, keyFile)
	file, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return usable(fmt.Errorf("read the master key: %w", err))
	}
	given, err := host.Secret(g.environ, "MASTER_KEY")
	if err != nil {
		return err
	}
	keys := list(given)
	for _, key := range list(string(file)) {
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		keys = []string{base64.StdEncoding.EncodeToString(random(32))}
	}
	g.environ["MASTER_KEY"] = strings.Join(keys, ",")
	delete(g.environ, "MASTER_KEY"+host.FileEnding)
	return usable(write(path, []byte(g.environ["MASTER_KEY"])))
}

func list(setting string) []string {
	return strings.FieldsFunc(setting, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
}

// sandboxSecrets are made once for a folder, so that curl commands of yesterday still work.
type sandboxSecrets struct {
	Stripe      string `json:"stripe"`
	Shopify     string `json:"shopify"`
	WooCommerce string `json:"woocommerce"`
	Checkout    string `json:"checkout"`
	Sandbox     string `json:"sandbox"`
	CarrierKey  string `json:"carrier_key"`
	Twilio      string `json:"twilio"`
}

// sandboxAccount is the account at the sandbox's phone.
const sandboxAccount = "AC00000000000000000000000000000000"

func freshSecrets() sandboxSecrets {
	word := func() string { return strings.ToLower(rand.Text()) }
	standard := func() string { return "whsec_" + base64.StdEncoding.EncodeToString(random(32)) }
	return sandboxSecrets{
		Stripe: "whsec_" + word(), Shopify: word(), WooCommerce: word(), Checkout: standard(), Sandbox: standard(), CarrierKey: word(),
		Twilio: word(),
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}

// outside lets the sandbox play the outside: what the environment sets stands.
func (g *Ground) outside(context.Context) error {
	if !g.Sandbox {
		return nil
	}
	s, err := g.readSecrets()
	if err != nil {
		return err
	}
	sources := "stripe,shopify,woocommerce,checkout,sandbox,twilio"
	called := cmp.Or(strings.TrimSuffix(g.environ["INGRESS_PUBLIC_URL"], "/"), g.URL("ingress"))
	for name, value := range map[string]string{
		"STRIPE_WEBHOOK_SECRET": s.Stripe, "SHOPIFY_WEBHOOK_SECRET": s.Shopify, "WOOCOMMERCE_WEBHOOK_SECRET": s.WooCommerce,
		"CHECKOUT_WEBHOOK_SECRET": s.Checkout, "SANDBOX_WEBHOOK_SECRET": s.Sandbox,
		// A second Stripe account, whose payments are for the Shopify shop.
		"STRIPE_WEBHOOK_SECRET_SHOPIFY": s.Stripe, "STRIPE_SHOP_SHOPIFY": "shopify/default",
		"INGRESS_SOURCES": sources, "INGRESS_MODE": "both",
		"CARRIER_URL": g.URL("sandbox"), "CARRIER_KEY": s.CarrierKey, "SANDBOX_CARRIER_KEY": s.CarrierKey,
		"SANDBOX_DIR": filepath.Join(g.Dir, "sandbox"), "SANDBOX_TRACKING_URL": g.URL("ingress") + "/webhooks/sandbox",
		"SMTP_URL":  "smtp://" + g.listeners["smtp"].Addr().String() + "?starttls=none",
		"MAIL_FROM": "The sandbox shop <orders@shop.example>", "SHOP_NAME": "The sandbox shop",
		"FULFILLMENT_REQUIRE_ADDRESS": "false",
		// SMS_PROVIDER=twilio sends texts to the sandbox's phone.
		"TWILIO_ACCOUNT_SID": sandboxAccount, "TWILIO_AUTH_TOKEN": s.Twilio, "TWILIO_FROM": "+15005550006",
		"TWILIO_API_URL": g.URL("sandbox"), "TWILIO_STATUS_URL": called + "/webhooks/twilio",
	} {
		if g.environ[name] == "" && g.environ[name+host.FileEnding] == "" {
			g.environ[name] = value
		}
	}
	return nil
}

func (g *Ground) readSecrets() (sandboxSecrets, error) {
	var s sandboxSecrets
	path := filepath.Join(g.Dir, sandboxFile)
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s = freshSecrets()
	case err != nil:
		return s, err
	default:
		if err := json.Unmarshal(data, &s); err != nil {
			return s, fmt.Errorf("%s: %w", path, err)
		}
		if s.Twilio != "" {
			return s, nil
		}
		s.Twilio = freshSecrets().Twilio // the file is older than the phone
	}
	if data, err = json.MarshalIndent(s, "", "  "); err != nil {
		return s, err
	}
	return s, write(path, append(data, '\n'))
}

// Secrets are the sources' secrets as they are in force, by source; nil without the sandbox, where they are somebody's.
func (g *Ground) Secrets() map[string]string {
	if !g.Sandbox {
		return nil
	}
	secrets := map[string]string{"twilio": g.first("TWILIO_AUTH_TOKEN")}
	for _, source := range []string{"stripe", "shopify", "woocommerce", "checkout", "sandbox"} {
		secrets[source] = g.first(strings.ToUpper(source) + "_WEBHOOK_SECRET")
	}
	return secrets
}

// first is the first of the secrets of a setting. One whose file cannot be read the ingress complains about.
func (g *Ground) first(setting string) string {
	secrets, _ := host.Secret(g.environ, setting)
	first, _, _ := strings.Cut(secrets, ",")
	return first
}
