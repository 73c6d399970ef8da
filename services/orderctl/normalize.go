package orderctl

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/money"
	"github.com/orderflow/orderflow/services/ingress"
	"github.com/orderflow/orderflow/services/ingress/source"
)

// Webhooks are tried out with three commands that need no running system: normalize says what a payload means, sign
// makes its headers, and check says whether a delivery would be let in.

const flagSource = "source"

func sourceFlag(c *cobra.Command) {
	c.Flags().String(flagSource, "", "whose webhook it is: "+strings.Join(sourceNames(), ", "))
}

func sourceNames() []string {
	var all []string
	for _, s := range ingress.Sources() {
		all = append(all, s.Name())
	}
	return all
}

func sourceOf(c *cobra.Command) (source.Source, error) {
	name, err := c.Flags().GetString(flagSource)
	if err != nil {
		return nil, err
	}
	if s := ingress.SourceByName(name); s != nil {
		return s, nil
	}
	if name == "" {
		return nil, calledWrongly(c, "whose webhook is it? Say --source: %s", strings.Join(sourceNames(), ", "))
	}
	return nil, calledWrongly(c, "--source %q: it is one of %s", name, strings.Join(sourceNames(), ", "))
}

// payload reads a file, or what comes in if its name is "-".
func payload(c *cobra.Command, name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(c.InOrStdin())
	}
	return os.ReadFile(name)
}

// timeFlag reads --at; without it, it is now.
func timeFlag(c *cobra.Command, at string) (time.Time, error) {
	today := now(c.Context())
	if at == "" {
		return today, nil
	}
	t, err := parseTime(at, today)
	if err != nil {
		return t, calledWrongly(c, "--at %v", err)
	}
	return t, nil
}

// normalizing is what the flags of normalize say.
type normalizing struct{ topic, account, shop, at string }

func normalizeCommand() *cobra.Command {
	var f normalizing
	c := &cobra.Command{
		Use: "normalize --source SOURCE FILE", Short: "Show the facts that a webhook's payload becomes",
		Annotations: here("it reads a file of yours, and needs nothing else"),
		Long: `Show the facts that a webhook's payload becomes, as JSON. No signature is needed, and nothing is sent anywhere.

Amounts stand there twice: in minor units, as they are kept, and as decimals. FILE may be "-". The exit status is 1 if
the payload would be quarantined, wholly or in part; why is said on stderr.`,
		Example: `  orderctl normalize --source stripe payment.json
  orderctl normalize --source shopify --topic orders/paid order.json
  curl -s https://shop.example/last-webhook | orderctl normalize --source checkout -`,
		Args: takes(cobra.ExactArgs(1), `one file, or "-"`),
		RunE: func(c *cobra.Command, args []string) error { return normalize(c, f, args[0]) },
	}
	sourceFlag(c)
	c.Flags().StringVar(&f.topic, "topic", "", "topic, where the provider tells it in a header and the body does not show it (shopify: orders/create, woocommerce: order.created)")
	c.Flags().StringVar(&f.account, "account", "default", "account whose webhook it is")
	c.Flags().StringVar(&f.shop, "shop", "checkout/default", "shop whose order numbers a payment provider names")
	c.Flags().StringVar(&f.at, "at", "", "TIME when it was received; now if it is not told")
	return c
}

func normalize(c *cobra.Command, f normalizing, file string) error {
	s, err := sourceOf(c)
	if err != nil {
		return err
	}
	shop, err := ingress.ParseShop(f.shop)
	if err != nil {
		return calledWrongly(c, "--shop: %v", err)
	}
	at, err := timeFlag(c, f.at)
	if err != nil {
		return err
	}
	body, err := payload(c, file)
	if err != nil {
		return err
	}
	reading, failure := readAs(s, body, f.topic, at, source.Account{Name: f.account, Mode: source.Both, Shop: shop})
	if failure != nil {
		return failure
	}
	shown, err := readable(s, f.account, reading)
	if err != nil {
		return err
	}
	if err := printJSON(c, shown); err != nil {
		return err
	}
	if q := reading.Quarantine; q != nil {
		return exitStatus{1, fmt.Sprintf("quarantined (%s): %s", q.GetReason(), q.GetDetail())}
	}
	return nil
}

// readAs reads a body as if it had come with the headers that its provider sends. Which topic it is stands in one of them
// at some; where nobody says it, it is what the body shows, and nothing that was made up to sign it.
func readAs(s source.Source, body []byte, topic string, at time.Time, a source.Account) (source.Reading, error) {
	bare := source.Request{Header: http.Header{}, Body: body, ReceivedAt: at}
	whole := bare
	if header, err := s.Sign(body, source.Signing{URL: anyURL(body), Secret: anySecret, At: at, Topic: topic}); err == nil {
		whole.Header = header
	} // else it signs with a key of another kind, and tells nothing in headers that has to be read
	reading, failure := ingress.Read(s, whole, a)
	if topic != "" || failure != nil {
		return reading, failure
	}
	if shown, failure := ingress.Read(s, bare, a); failure != nil || shown.Topic != reading.Topic {
		return shown, failure
	}
	return reading, nil
}

// anyURL is one to which any body can be sent: it ends in the body's hash, which Twilio signs of what is no form.
func anyURL(body []byte) string {
	return fmt.Sprintf("https://hooks.example.com/?bodySHA256=%x", sha256.Sum256(body))
}

// anySecret is one that every source takes which signs with a word that both know. It makes headers for a payload that nobody is going to verify.
const anySecret = "whsec_bm9ib2R5IHZlcmlmaWVzIHdoYXQgdGhpcyBoYXMgc2lnbmVk" //nolint:gosec // it protects nothing

// normalized is how a reading is printed.
type normalized struct {
	Source     string      `json:"source"`
	Account    string      `json:"account"`
	Topic      string      `json:"topic"`
	DeliveryID string      `json:"delivery_id"`
	Test       bool        `json:"test"`
	Quarantine *quarantine `json:"quarantine,omitempty"`
	Facts      []any       `json:"facts"`
}

type quarantine struct {
	Reason string `json:"reason"`
	Detail string `json:"detail"`
}

func readable(s source.Source, account string, r source.Reading) (normalized, error) {
	n := normalized{Source: s.Name(), Account: account, Topic: r.Topic, DeliveryID: r.DeliveryID, Test: r.Test, Facts: []any{}}
	if q := r.Quarantine; q != nil {
		n.Quarantine = &quarantine{q.GetReason(), q.GetDetail()}
	}
	for _, f := range r.Facts {
		fact, err := valueOf(f)
		if err != nil {
			return n, err
		}
		n.Facts = append(n.Facts, fact)
	}
	return n, nil
}

// valueOf is a message as JSON values, its amounts with their decimals.
func valueOf(m proto.Message) (any, error) {
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return nil, err
	}
	var value any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	withDecimals(value)
	return value, nil
}

func withDecimals(value any) {
	switch v := value.(type) {
	case []any:
		for _, each := range v {
			withDecimals(each)
		}
	case map[string]any:
		for _, each := range v {
			withDecimals(each)
		}
		currency, ok := v["currency"].(string)
		if _, described := v["lines"]; !ok || described || !onlyMoney(v) {
			return
		}
		minor, _ := source.Scalar(fmt.Sprint(orZero(v["minor_units"]))).Int()
		v["minor_units"] = json.Number(fmt.Sprint(minor))
		v["decimal"] = money.Amount{Minor: minor, Currency: currency}.Decimal()
	}
}

// onlyMoney says that an object has no other fields than an amount has.
func onlyMoney(v map[string]any) bool {
	for field := range v {
		if !slices.Contains([]string{"currency", "minor_units"}, field) {
			return false
		}
	}
	return true
}

// orZero puts the zero that protobuf leaves out.
func orZero(v any) any {
	if v == nil {
		return "0"
	}
	return v
}
