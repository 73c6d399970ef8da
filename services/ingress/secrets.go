package ingress

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/services/ingress/source"
)

// WatchesFiles says that files of secrets are read here, and again while the ingress runs.
func (*Config) WatchesFiles() {}

// credential is where the secrets of an account stand.
type credential struct {
	account string
	setting string // without the ending
	secrets []string
	file    *secretFile // nil if the setting holds them
}

// told is the setting that is wrong if the secrets are.
func (c credential) told() string {
	if c.file != nil {
		return c.setting + host.FileEnding
	}
	return c.setting
}

// credentials are all that the settings name for a source, the account "default" first. Without any there is one of the
// account "default" that holds nothing.
func credentials(s source.Source, own []string, environ map[string]string) ([]credential, error) {
	setting := source.Setting(s)
	var all []credential
	var errs []error
	add := func(c credential) {
		if slices.ContainsFunc(all, func(other credential) bool { return other.setting == c.setting }) {
			errs = append(errs, fmt.Errorf("the secrets of %s/%s are set twice: %s or %s%s, not both", s.Name(), c.account, c.setting, c.setting, host.FileEnding))
			return
		}
		all = append(all, c)
	}
	if _, named := environ[setting]; named || len(own) > 0 { // set to nothing is a mistake, not an account that is not wanted
		add(credential{account: defaultAccount, setting: setting, secrets: own})
	}
	for _, ending := range accountsIn(environ, setting+"_") {
		value := environ[setting+"_"+ending]
		switch base, isFile := strings.CutSuffix("_"+ending, host.FileEnding); {
		case !isFile:
			add(credential{account: strings.ToLower(ending), setting: setting + "_" + ending, secrets: strings.Split(value, ",")})
		case base == "":
			add(credential{account: defaultAccount, setting: setting, file: &secretFile{source: s, path: value}})
		default:
			add(credential{account: strings.ToLower(base[1:]), setting: setting + base, file: &secretFile{source: s, path: value}})
		}
	}
	if len(all) == 0 {
		all = []credential{{account: defaultAccount, setting: setting}}
	}
	return all, errors.Join(errs...)
}

// secretFile is a file of secrets, one a line, that is read again while the ingress runs: as Kubernetes mounts them, or as
// an agent writes them. Blank lines count for nothing.
type secretFile struct {
	source  source.Source
	setting string
	account string
	path    string

	now     atomic.Pointer[[]string]
	changed atomic.Int64 // when the secrets that count were read, in seconds since 1970
	hash    [sha256.Size]byte
}

// lines are the secrets in the file as it is now, with their hash. No error repeats any of it.
func (f *secretFile) lines() ([]string, [sha256.Size]byte, error) {
	secrets, err := host.SecretLines(f.path)
	return secrets, sha256.Sum256([]byte(strings.Join(secrets, "\n"))), err
}

// load reads the file and makes its secrets those that count, all at once. What cannot be used leaves the ones before.
func (f *secretFile) load(now time.Time) (changed bool, err error) {
	secrets, hash, err := f.lines()
	if err == nil && hash == f.hash {
		return false, nil
	}
	if err == nil {
		secrets, err = usable(f.source, secrets)
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", f.setting, err)
	}
	f.now.Store(&secrets)
	f.changed.Store(now.Unix())
	f.hash = hash
	return true, nil
}

// usable are the secrets as they are used; the error says what is wrong with the first that cannot be.
func usable(s source.Source, secrets []string) ([]string, error) {
	var all []string
	for _, secret := range secrets {
		secret = strings.TrimSpace(secret)
		if secret == "" {
			return nil, errEmptySecret
		}
		if err := s.CheckSecret(secret); err != nil {
			return nil, err
		}
		all = append(all, secret)
	}
	return all, nil
}

var errEmptySecret = errors.New("it holds an empty secret")

// current is the account with the secrets that count now.
func (a account) current() account {
	if a.file != nil {
		a.Secrets = *a.file.now.Load()
	}
	return a
}

// files are the files that the accounts' secrets stand in, in a fixed order.
func (a accounts) files() []*secretFile {
	var all []*secretFile
	for _, accounts := range a {
		for _, one := range accounts {
			if one.file != nil {
				all = append(all, one.file)
			}
		}
	}
	slices.SortFunc(all, func(x, y *secretFile) int { return strings.Compare(x.setting, y.setting) })
	return all
}
