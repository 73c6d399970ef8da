package ingress

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// defaultAccount is the account of a path that names none.
const defaultAccount = "default"

// accounts are all accounts that webhooks are taken for, by source and name.
type accounts map[string]map[string]account

// account is an account and how it is read.
type account struct {
	source source.Source
	source.Account
	terms
	// file is where the secrets stand, if they are read again while the ingress runs.
	file *secretFile
}

// find is the account of a path.
func (a accounts) find(sourceName, name string) (account, bool) {
	if name == "" {
		name = defaultAccount
	}
	found, ok := a[sourceName][name]
	return found, ok
}

// settle makes accounts of settings. The error tells everything that is missing or wrong, by the names of settings and
// never by their values.
func settle(c *Config, environ map[string]string) (accounts, error) {
	all := accounts{}
	var errs []error
	for _, name := range c.Sources {
		name = strings.TrimSpace(name)
		s := SourceByName(name)
		switch {
		case s == nil:
			errs = append(errs, fmt.Errorf("INGRESS_SOURCES names %q: the sources are %s", name, strings.Join(sourceNames(), ", ")))
			continue
		case all[name] != nil:
			errs = append(errs, fmt.Errorf("INGRESS_SOURCES names %s twice", name))
			continue
		}
		found, err := settleSource(c, s, environ)
		all[name] = found
		errs = append(errs, err)
	}
	if len(c.Sources) == 0 {
		errs = append(errs, errors.New("INGRESS_SOURCES names no source"))
	}
	return all, errors.Join(errs...)
}

func sourceNames() []string {
	var names []string
	for _, s := range Sources() {
		names = append(names, s.Name())
	}
	return names
}

func settleSource(c *Config, s source.Source, environ map[string]string) (map[string]account, error) {
	prefix := strings.ToUpper(s.Name())
	secret := source.Setting(s)
	found := map[string]account{}
	var errs []error
	mode, shop, capture := c.mode(prefix), told{prefix + shopSetting, c.text(prefix + shopSetting)}, told{prefix + captureSetting, c.text(prefix + captureSetting)}
	terms, err := settleTerms(c, s, environ)
	errs = append(errs, err)
	given, err := credentials(s, c.list(secret), environ)
	errs = append(errs, err)
	for _, g := range given {
		suffix := "_" + strings.ToUpper(g.account)
		a, err := settleAccount(s, g, settings{
			mode: mode.of(environ, prefix+modeSetting+suffix), shop: shop.of(environ, prefix+shopSetting+suffix), capture: capture.of(environ, prefix+captureSetting+suffix),
		})
		a.terms = terms
		found[g.account] = a
		errs = append(errs, err)
	}
	errs = append(errs, orphans(environ, found, prefix, secret))
	return found, errors.Join(errs...)
}

// told is a setting's value, and which setting it is.
type told struct{ setting, value string }

// settings are what is set about an account beside its secrets.
type settings struct{ mode, shop, capture told }

// of is the account's own setting if it has one.
func (t told) of(environ map[string]string, setting string) told {
	if own := environ[setting]; own != "" {
		return told{setting, own}
	}
	return t
}

// accountsIn are the endings of the settings that begin so, in order.
func accountsIn(environ map[string]string, prefix string) []string {
	var endings []string
	for _, name := range slices.Sorted(maps.Keys(environ)) {
		if ending, ok := strings.CutPrefix(name, prefix); ok {
			endings = append(endings, ending)
		}
	}
	return endings
}

// orphans are settings of accounts that have no secret: a mistyped name would be passed over silently otherwise.
func orphans(environ map[string]string, found map[string]account, prefix, secret string) error {
	var errs []error
	for _, kind := range []string{modeSetting, shopSetting, captureSetting} {
		for _, suffix := range accountsIn(environ, prefix+kind+"_") {
			if _, ok := found[strings.ToLower(suffix)]; !ok {
				errs = append(errs, fmt.Errorf("%s%s_%s is set, but %s_%s is not", prefix, kind, suffix, secret, suffix))
			}
		}
	}
	return errors.Join(errs...)
}

// How an account captures what was authorised, at a provider that can be set so.
const (
	manualCapture = "manual"
	autoCapture   = "automatic"
)

var accountName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

func settleAccount(s source.Source, g credential, set settings) (account, error) {
	a := account{source: s, Account: source.Account{Name: g.account, Mode: source.Mode(set.mode.value), AutoCapture: set.capture.value == autoCapture}}
	var errs []error
	if !accountName.MatchString(g.account) || g.setting == source.Setting(s)+"_DEFAULT" {
		errs = append(errs, fmt.Errorf("%s: its ending is no name of an account", g.told()))
	}
	if g.file != nil {
		a.file = g.file
		a.file.setting, a.file.account = g.told(), g.account
		_, err := a.file.load(time.Now())
		errs = append(errs, err)
	} else if len(g.secrets) == 0 {
		errs = append(errs, fmt.Errorf("%s is not set: %s is in INGRESS_SOURCES", g.setting, s.Name()))
	}
	for _, secret := range g.secrets {
		one, err := usable(s, []string{secret})
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", g.setting, err))
		}
		a.Secrets = append(a.Secrets, one...)
	}
	switch a.Mode {
	case source.Live, source.Test, source.Both:
	default:
		errs = append(errs, fmt.Errorf("%s is live, test or both", set.mode.setting))
	}
	switch set.capture.value {
	case "", manualCapture, autoCapture:
	default:
		errs = append(errs, fmt.Errorf("%s is manual or automatic", set.capture.setting))
	}
	if set.shop.value != "" {
		var err error
		a.Shop, err = ParseShop(set.shop.value)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", set.shop.setting, err))
		}
	}
	return a, errors.Join(errs...)
}

// ParseShop reads source/account.
func ParseShop(text string) (source.ShopKey, error) {
	name, account, _ := strings.Cut(text, "/")
	shop := SourceByName(name)
	switch {
	case !accountName.MatchString(account):
		return source.ShopKey{}, errors.New("it looks like checkout/default: a shop's source and its account")
	case shop == nil || shop.Role() != source.Shop:
		return source.ShopKey{}, fmt.Errorf("%q is no source of orders; the sources of orders are %s", name, strings.Join(shopNames(), ", "))
	}
	return source.ShopKey{Source: name, Account: account}, nil
}

func shopNames() []string {
	var names []string
	for _, s := range Sources() {
		if s.Role() == source.Shop {
			names = append(names, s.Name())
		}
	}
	return names
}
