package orderctl

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orderflow/orderflow/services/ingress"
	"github.com/orderflow/orderflow/services/ingress/source"
)

// checking is what the flags of check say.
type checking struct {
	secrets, headers []string
	account, at, url string
	certificate      string
}

func checkCommand() *cobra.Command {
	var f checking
	c := &cobra.Command{
		Use: "check --source SOURCE [--secret SECRET] -H 'Name: value' … FILE", Short: "Say whether a webhook would be accepted, and if not, why",
		Annotations: here("it checks with secrets of yours"),
		Long: `Say whether a webhook would be accepted, and if not, why: for whoever sends webhooks that are answered 401. FILE is the
body exactly as it was sent, or "-". The exit status is 0 if it would be accepted, 1 if not.

` + secretHelp + "\n\n" + timeHelp,
		Example: `  orderctl check --source stripe --secret whsec_… -H 'Stripe-Signature: t=1772366400,v1=…' body.json
  orderctl check --source checkout --secret whsec_… --at 2026-03-01T12:00:00Z \
    -H 'webhook-id: msg_1' -H 'webhook-timestamp: 1772366400' -H 'webhook-signature: v1,…' body.json`,
		Args: takes(cobra.ExactArgs(1), `one file, or "-"`),
		RunE: func(c *cobra.Command, args []string) error { return check(c, f, args[0]) },
	}
	sourceFlag(c)
	c.Flags().StringArrayVar(&f.secrets, "secret", nil, "secret of the account, or @FILE for what stands in a file; may be given several times")
	c.Flags().StringVar(&f.account, "account", "default", "account whose secret is looked up if none is given")
	c.Flags().StringArrayVarP(&f.headers, "header", "H", nil, "header of the request, as 'Name: value'; may be given several times")
	c.Flags().StringVar(&f.url, "url", "", "URL that the provider called, where it signs that (twilio) or has a token in it (shippo)")
	c.Flags().StringVar(&f.certificate, "cert", "", "PEM file with the certificate that signed, where providers name one; it is trusted as it is. Without it, it is fetched and verified (paypal, amazon)")
	c.Flags().StringVar(&f.at, "at", "", "TIME when it was received; now if it is not told")
	return c
}

// verdict is the answer.
type verdict struct {
	Accepted   bool        `json:"accepted"`
	Code       string      `json:"code,omitempty"`
	Why        string      `json:"why,omitempty"`
	Hint       string      `json:"hint,omitempty"`
	Quarantine *quarantine `json:"quarantine,omitempty"`
}

func check(c *cobra.Command, f checking, file string) error {
	s, err := sourceOf(c)
	if err != nil {
		return err
	}
	r := source.Request{URL: f.url, Header: http.Header{}}
	for _, line := range f.headers {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return calledWrongly(c, "-H %q: a header looks like 'Name: value'", line)
		}
		r.Header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	if r.ReceivedAt, err = timeFlag(c, f.at); err != nil {
		return err
	}
	if _, certified := s.(source.Certified); !certified && f.certificate != "" {
		return calledWrongly(c, "--cert: %s signs with a secret, and names no certificate", s.Name())
	}
	a := source.Account{Name: f.account, Mode: source.Both, Shop: source.ShopKey{Source: "checkout", Account: "default"}}
	if a.Secrets, err = secretsFor(c, s, f.account, f.secrets); err != nil {
		return err
	}
	if err := usable(s, a.Secrets); err != nil {
		return err
	}
	if r.Body, err = payload(c, file); err != nil {
		return err
	}
	switch v, err := certified(c.Context(), s, &r, a, f.certificate); {
	case err != nil:
		return err
	case v != nil:
		return verdictOut(c, *v)
	}
	return verdictOut(c, judge(s, r, a))
}

// certified finds the certificate that signed, for sources that name one: what stands in a file, or where the request says.
func certified(ctx context.Context, s source.Source, r *source.Request, a source.Account, file string) (*verdict, error) {
	var refused *source.Refused
	var err error
	if file == "" {
		r.Certificate, err = ingress.Certificate(ctx, s, *r, a)
	} else {
		var data []byte
		if data, err = os.ReadFile(file); err != nil {
			return nil, err
		}
		block, _ := pem.Decode(data)
		if block == nil {
			return nil, fmt.Errorf("%s holds no certificate in PEM", file)
		}
		r.Certificate, err = x509.ParseCertificate(block.Bytes)
	}
	if errors.As(err, &refused) {
		return &verdict{Code: string(refused.Code), Why: refused.Detail}, nil
	}
	return nil, err
}

// judge does what the ingress does, and then looks for what usually goes wrong.
func judge(s source.Source, r source.Request, a source.Account) verdict {
	var refused *source.Refused
	switch err := s.Verify(r, a); {
	case errors.As(err, &refused):
		v := verdict{Code: string(refused.Code), Why: refused.Detail}
		if refused.Code == source.BadSignature {
			v.Hint = hint(s, r, a)
		}
		return v
	case err != nil:
		return verdict{Code: string(source.Malformed), Why: err.Error()}
	}
	v := verdict{Accepted: true}
	if reading, failure := ingress.Read(s, r, a); failure == nil && reading.Quarantine != nil {
		v.Quarantine = &quarantine{reading.Quarantine.GetReason(), reading.Quarantine.GetDetail()}
	}
	return v
}

const lineEnd = "Without the line end at the end of the file the signature is right: it was not part of what was signed."

// hint tries what usually happens to a body between its signature and a file. Empty if none of it explains anything.
func hint(s source.Source, r source.Request, a source.Account) string {
	var compact, unix bytes.Buffer
	if json.Compact(&compact, r.Body) != nil {
		compact.Reset()
	}
	unix.Write(bytes.ReplaceAll(r.Body, []byte("\r\n"), []byte("\n")))
	for _, try := range []struct {
		body []byte
		says string
	}{
		{bytes.TrimSuffix(r.Body, []byte("\n")), lineEnd}, {bytes.TrimRight(r.Body, "\r\n"), lineEnd},
		{append(bytes.Clone(r.Body), '\n'), "With a line end at its end the signature is right: it was signed and is missing here."},
		{unix.Bytes(), "With line ends of Unix the signature is right: something made them those of Windows."},
		{compact.Bytes(), "Without the blanks between its parts the signature is right: the JSON was written anew after signing. Send the bytes that were signed."},
	} {
		changed := r
		changed.Body = try.body
		err := s.Verify(changed, a)
		var refused *source.Refused
		if err == nil || errors.As(err, &refused) && (refused.Code == source.TooOld || refused.Code == source.FromFuture) {
			return try.says
		}
	}
	return ""
}

func verdictOut(c *cobra.Command, v verdict) error {
	status := error(nil)
	if !v.Accepted {
		status = exitStatus{1, ""}
	}
	out := c.OutOrStdout()
	switch {
	case wantsJSON(c):
		if err := printJSON(c, v); err != nil {
			return err
		}
	case v.Accepted && v.Quarantine == nil:
		fmt.Fprintln(out, "accepted")
	case v.Accepted:
		fmt.Fprintf(out, "accepted, and then quarantined (%s): %s\n", v.Quarantine.Reason, v.Quarantine.Detail)
	default:
		fmt.Fprintf(out, "refused (%s): %s.\n", v.Code, strings.TrimSuffix(v.Why, "."))
		if v.Hint != "" {
			fmt.Fprintln(out, v.Hint)
		}
	}
	return status
}
