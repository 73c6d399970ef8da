package ingress

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// Deliveries are read once, when they come, and may be read again when the normalisers have been mended. What else has a
// say in a reading are settings of the account, so they are needed again.

// ErrNotReadable says that this program cannot read a delivery at all.
var ErrNotReadable = errors.New("this program cannot read it")

// Reread reads a delivery that was kept with the normalisers of this program: the same delivery, with its id, its
// revision and the time at which it came, and the facts and the quarantine of today. The environment says to which shop
// a payment provider's account belongs, how it captures, and which modes are taken; most is the largest message that the
// broker takes.
func Reread(environ map[string]string, kept *intakev1.Delivery, most int64) (*intakev1.Delivery, error) {
	s := SourceByName(kept.GetSource())
	if s == nil {
		return nil, fmt.Errorf("%w: it knows no source %s", ErrNotReadable, source.Clean(kept.GetSource(), longestWord))
	}
	a, err := accountNow(environ, s, kept.GetAccount(), modeNow(environ, s, kept))
	if err != nil {
		return nil, err
	}
	r := source.Request{Header: http.Header{}, Body: kept.GetBody(), ReceivedAt: kept.GetReceivedAt().AsTime()}
	for _, h := range kept.GetHeaders() {
		r.Header.Set(h.GetName(), h.GetValue())
	}
	return readable(s, r, a, most, func(d *intakev1.Delivery) {
		d.Id, d.Revision = kept.GetId(), kept.GetRevision() // what it is called was settled when it came
	})
}

// readable reads a request whose words are known to be the provider's; with the changes it has to fit into a message.
func readable(s source.Source, r source.Request, a source.Account, most int64, change func(*intakev1.Delivery)) (*intakev1.Delivery, error) {
	reading, failure := Read(s, r, a)
	if failure != nil {
		return nil, fmt.Errorf("%w: %s", ErrNotReadable, failure.Error())
	}
	d, _ := NewDelivery(s, r, a, reading)
	change(d)
	if _, err := encode(d, most); err != nil {
		return nil, fmt.Errorf("%w: %s", ErrNotReadable, err.Error())
	}
	return d, nil
}

// Fetched makes the delivery of a body that was not sent to us but fetched from its provider, over a connection that says
// who it is. It is told from one that came by a header that no provider sends.
func Fetched(environ map[string]string, sourceName, account string, r source.Request, most int64) (*intakev1.Delivery, error) {
	s := SourceByName(sourceName)
	if s == nil {
		return nil, fmt.Errorf("%w: it knows no source %s", ErrNotReadable, source.Clean(sourceName, longestWord))
	}
	mode := modeSet(environ, s, account)
	if mode == "" {
		mode = source.Live
	}
	a, err := accountNow(environ, s, account, mode)
	if err != nil {
		return nil, err
	}
	return readable(s, r, a, most, func(d *intakev1.Delivery) {
		d.Headers = append(d.Headers, &intakev1.Header{Name: "Fetched-From", Value: r.URL})
	})
}

// The endings of the settings that have a say in a reading.
const (
	modeSetting    = "_MODE"
	shopSetting    = "_SHOP"
	captureSetting = "_CAPTURE"
)

// ReadingSettings are the settings of an environment that have a say in a reading. None of them is a secret.
func ReadingSettings(environ map[string]string) map[string]string {
	found := map[string]string{}
	for name, value := range environ {
		for _, s := range Sources() {
			rest, ours := strings.CutPrefix(name, strings.ToUpper(s.Name()))
			if ours && slices.ContainsFunc([]string{modeSetting, shopSetting, captureSetting}, func(ending string) bool {
				return rest == ending || strings.HasPrefix(rest, ending+"_")
			}) {
				found[name] = value
			}
		}
	}
	if mode, ok := environ["INGRESS_MODE"]; ok {
		found["INGRESS_MODE"] = mode
	}
	return found
}

// accountNow is an account as it is set now.
func accountNow(environ map[string]string, s source.Source, account string, mode source.Mode) (source.Account, error) {
	a := source.Account{Name: account, Mode: mode}
	shop := settingOf(environ, s, account, shopSetting)
	if shop.value == "" && s.Role() == source.Payments {
		shop.value = "checkout/" + defaultAccount
	}
	if shop.value != "" {
		var err error
		if a.Shop, err = ParseShop(shop.value); err != nil {
			return a, fmt.Errorf("%s: %w", shop.setting, err)
		}
	}
	a.AutoCapture = settingOf(environ, s, account, captureSetting).value == autoCapture
	return a, nil
}

// modeNow is what the account takes. What it took when the delivery came it takes still; what it did not is looked up.
func modeNow(environ map[string]string, s source.Source, kept *intakev1.Delivery) source.Mode {
	if kept.GetQuarantine().GetReason() != source.TestMode {
		return source.Both
	}
	switch mode := modeSet(environ, s, kept.GetAccount()); {
	case mode != "":
		return mode
	case kept.GetTest():
		return source.Live
	}
	return source.Test
}

// modeSet is what is set about what an account takes; empty if nothing is.
func modeSet(environ map[string]string, s source.Source, account string) source.Mode {
	mode := settingOf(environ, s, account, modeSetting).value
	if mode == "" {
		mode = environ["INGRESS_MODE"]
	}
	switch m := source.Mode(mode); m {
	case source.Live, source.Test, source.Both:
		return m
	}
	return ""
}

// settingOf is an account's own setting, or that of its source.
func settingOf(environ map[string]string, s source.Source, account, ending string) told {
	setting := strings.ToUpper(s.Name()) + ending
	t := told{setting, environ[setting]}
	return t.of(environ, setting+"_"+strings.ToUpper(account))
}
