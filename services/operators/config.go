package operators

import (
	"errors"
	"net"
	"net/netip"
	"time"
)

// Config is what can be set about the service.
type Config struct {
	Listen  string        `env:"OPERATORS_LISTEN" envDefault:"127.0.0.1:8081" desc:"Address where operators' orderctl (ORDERFLOW_SERVER) is answered, once TOKEN_KEYS is set."`
	TLSCert string        `env:"OPERATORS_TLS_CERT" desc:"File with the certificate and its chain (PEM), to speak TLS; it is read again when it changes. Empty: plain HTTP, on loopback or behind one of OPERATORS_TRUSTED_PROXIES that speaks TLS."`
	TLSKey  string        `env:"OPERATORS_TLS_KEY" desc:"File with the certificate's key (PEM)."`
	Proxies []string      `env:"OPERATORS_TRUSTED_PROXIES" desc:"Addresses of proxies in front, separated by commas, such as 10.0.0.0/8: only what they say in X-Forwarded-For is believed."`
	Reload  time.Duration `env:"OPERATORS_RELOAD" envDefault:"5s" desc:"How often the files of the certificate and of TOKEN_KEYS_FILE are looked at."`
	Timeout time.Duration `env:"OPERATORS_COMMAND_TIMEOUT" envDefault:"10m" desc:"How long one command may take."`
	Keys    []string      `env:"TOKEN_KEYS" secret:"true" desc:"Sign operators' tokens: base64 of 32 bytes (openssl rand -base64 32). Several, separated by commas, while they are changed: the first one signs, all verify. Without it nobody can log in, and nothing listens."`
	Life    time.Duration `env:"TOKEN_LIFE" envDefault:"8h" desc:"How long a token is good, 15m to 8h; after that its operator logs in again."`
}

// Bounds of TOKEN_LIFE.
const (
	shortestLife = 15 * time.Minute
	longestLife  = 8 * time.Hour
)

// WatchesFiles says that the file of keys is read here, and again while the service runs.
func (*Config) WatchesFiles() {}

// Check says everything that cannot be meant.
func (c *Config) Check() error {
	var errs []error
	if c.Life < shortestLife || c.Life > longestLife {
		errs = append(errs, errors.New("TOKEN_LIFE is from 15m to 8h"))
	}
	if c.Reload <= 0 || c.Timeout <= 0 {
		errs = append(errs, errors.New("OPERATORS_RELOAD and OPERATORS_COMMAND_TIMEOUT have to be longer than nothing"))
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		errs = append(errs, errors.New("OPERATORS_TLS_CERT and OPERATORS_TLS_KEY belong together"))
	}
	if _, err := c.proxies(); err != nil {
		errs = append(errs, err)
	}
	if c.TLSCert == "" && len(c.Proxies) == 0 && !loopback(c.Listen) {
		errs = append(errs, errors.New("OPERATORS_LISTEN is not of this machine alone, and tokens would go in clear: set OPERATORS_TLS_CERT, or OPERATORS_TRUSTED_PROXIES if a proxy in front speaks TLS"))
	}
	if len(c.Keys) > 0 {
		_, err := parseKeys(c.Keys)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (c *Config) proxies() ([]*net.IPNet, error) {
	var all []*net.IPNet
	for _, text := range c.Proxies {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			var a netip.Addr
			if a, err = netip.ParseAddr(text); err == nil {
				prefix = netip.PrefixFrom(a, a.BitLen())
			}
		}
		if err != nil {
			return nil, errors.New("OPERATORS_TRUSTED_PROXIES holds what is no address and no range of addresses, such as 203.0.113.7 or 2001:db8::/32")
		}
		prefix = prefix.Masked()
		all = append(all, &net.IPNet{IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen())})
	}
	return all, nil
}

func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip, parseErr := netip.ParseAddr(host)
	return err == nil && (host == "localhost" || parseErr == nil && ip.IsLoopback())
}
