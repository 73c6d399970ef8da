package orderctl

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/services/ingress/source"
)

// signing is what the flags of sign say.
type signing struct {
	secrets                       []string
	account, topic, id, url, curl string
	at, enclosed                  string
}

func signCommand() *cobra.Command {
	var f signing
	c := &cobra.Command{
		Use: "sign --source SOURCE [--secret SECRET] FILE", Short: "Make the headers with which a provider would send a payload",
		Annotations: here("it signs with secrets of yours"),
		Long: `Make the headers with which a provider would send a payload, one "Name: value" a line, or with --curl the whole
command that sends it. FILE may be "-". The bytes of the file are signed as they stand, so send them as they stand.

` + secretHelp + "\n\n" + timeHelp,
		Example: `  orderctl sign --source stripe --secret whsec_… payment.json
  orderctl sign --source shopify --topic orders/paid --curl http://127.0.0.1:8080/webhooks/shopify order.json
  eval "$(orderctl sign --source checkout --curl http://127.0.0.1:8080/webhooks/checkout order.json)"
  orderctl sign --source twilio --url https://hooks.example.com/webhooks/twilio status.txt
  orderctl sign --source paypal --secret 1JE50Z90C7278043W --secret @key.pem payment.json
  orderctl sign --source amazon --secret arn:aws:sns:… --secret @key.pem --enclosed signed.json notification.json`,
		Args: takes(cobra.ExactArgs(1), `one file, or "-"`),
		RunE: func(c *cobra.Command, args []string) error { return sign(c, f, args[0]) },
	}
	sourceFlag(c)
	c.Flags().StringArrayVar(&f.secrets, "secret", nil, "secret to sign with, or @FILE for what stands in a file. Where a certificate signs: what the account is verified by, and then the private key in PEM")
	c.Flags().StringVar(&f.enclosed, "enclosed", "", "write the signed body to this file, where the signature stands in the body (amazon); that is what is to be sent")
	c.Flags().StringVar(&f.account, "account", "default", "account whose secret is looked up if none is given")
	c.Flags().StringVar(&f.topic, "topic", "", "topic, where the provider tells it in a header (shopify: orders/create, woocommerce: order.created)")
	c.Flags().StringVar(&f.id, "id", "", "id of the delivery, where the provider tells it in a header")
	c.Flags().StringVar(&f.at, "at", "", "TIME of the signature; now if it is not told")
	c.Flags().StringVar(&f.url, "url", "", "URL that the provider calls, where it signs that (twilio) or has a token in it (shippo); that of --curl if it is not told")
	c.Flags().StringVar(&f.curl, "curl", "", "print the curl command that sends the file to this URL")
	return c
}

const secretHelp = `Without --secret it is looked up: in the environment, where the ingress finds it (STRIPE_WEBHOOK_SECRET,
STRIPE_WEBHOOK_SECRET_FILE …), and then with a running 'orderctl up --sandbox' (--data).`

func sign(c *cobra.Command, f signing, file string) error {
	s, err := sourceOf(c)
	if err != nil {
		return err
	}
	at, err := timeFlag(c, f.at)
	if err != nil {
		return err
	}
	secrets, err := secretsFor(c, s, f.account, f.secrets)
	if err != nil {
		return err
	}
	if _, ok := s.(source.Certified); ok {
		secrets = []string{strings.Join(secrets, "\n")}
	}
	if !strings.HasPrefix(secrets[0], "whsk_") { // the half that only signs, see package standard
		if err := usable(s, secrets[:1]); err != nil {
			return err
		}
	}
	body, err := payload(c, file)
	if err != nil {
		return err
	}
	with := source.Signing{Secret: secrets[0], At: at, Topic: f.topic, ID: f.id, URL: cmp.Or(f.url, f.curl)}
	if f.enclosed != "" {
		if body, err = enclose(c, s, body, with, f.enclosed); err != nil {
			return err
		}
		file = f.enclosed
	}
	header, err := s.Sign(body, with)
	if _, enclosing := s.(source.Enclosing); enclosing && err != nil && f.enclosed == "" {
		return fmt.Errorf("%w, which --enclosed FILE does", err)
	}
	if err != nil {
		return err
	}
	if wantsJSON(c) {
		return printJSON(c, flat(header))
	}
	lines := headerLines(header)
	if f.curl == "" {
		fmt.Fprintln(c.OutOrStdout(), strings.Join(lines, "\n"))
		return nil
	}
	fmt.Fprintln(c.OutOrStdout(), curl(f.curl, file, lines))
	return nil
}

// enclose writes what the provider would send: the body in its envelope.
func enclose(c *cobra.Command, s source.Source, body []byte, with source.Signing, file string) ([]byte, error) {
	e, ok := s.(source.Enclosing)
	if !ok {
		return nil, calledWrongly(c, "--enclosed: %s sends the body as it stands", s.Name())
	}
	body, err := e.Enclose(body, with)
	if err != nil {
		return nil, err
	}
	return body, os.WriteFile(file, body, 0o600)
}

func flat(h http.Header) map[string]string {
	all := map[string]string{}
	for name := range h {
		all[name] = h.Get(name)
	}
	return all
}

func headerLines(h http.Header) []string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			lines = append(lines, name+": "+value)
		}
	}
	return lines
}

// curl is a command for a shell. --data-binary sends the bytes as they stand; -d would take the line ends off.
func curl(url, file string, headers []string) string {
	parts := []string{"curl -sS -X POST"}
	for _, h := range headers {
		parts = append(parts, "-H "+quoted(h))
	}
	parts = append(parts, "--data-binary "+quoted("@"+file), quoted(url))
	return strings.Join(parts, " ")
}

// quoted is a word for a POSIX shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// secretsFor are the secrets that were given, or those that the ingress would use.
func secretsFor(c *cobra.Command, s source.Source, account string, given []string) ([]string, error) {
	setting := source.Setting(s)
	if account != "default" {
		setting += "_" + strings.ToUpper(account)
	}
	secrets, err := fromFiles(given)
	if err != nil {
		return nil, err
	}
	if len(secrets) == 0 {
		held, err := host.Secret(host.Environ(), setting)
		if err != nil {
			return nil, err
		}
		secrets = split(held)
	}
	if len(secrets) == 0 {
		dir, err := c.Flags().GetString(flagData)
		if err != nil {
			return nil, err
		}
		if run, err := readRun(dir); err == nil && account == "default" {
			secrets = split(run.Secrets[s.Name()])
		}
	}
	if len(secrets) == 0 {
		return nil, calledWrongly(c, "which secret? Give it with --secret, or set %s", setting)
	}
	return secrets, nil
}

// fromFiles puts what stands in a file in the place of @FILE.
func fromFiles(given []string) ([]string, error) {
	secrets := make([]string, len(given))
	for i, secret := range given {
		secrets[i] = secret
		if name, ok := strings.CutPrefix(secret, "@"); ok {
			data, err := os.ReadFile(name)
			if err != nil {
				return nil, err
			}
			secrets[i] = strings.TrimSpace(string(data))
		}
	}
	return secrets, nil
}

// usable says what is wrong with secrets that are to verify something. What signs may be another half: whsk_ beside whpk_.
func usable(s source.Source, secrets []string) error {
	for _, secret := range secrets {
		if err := s.CheckSecret(secret); err != nil {
			return fmt.Errorf("the secret cannot be one of %s: %w", s.Name(), err)
		}
	}
	return nil
}

func split(setting string) []string {
	var all []string
	for part := range strings.SplitSeq(setting, ",") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, part)
		}
	}
	return all
}
