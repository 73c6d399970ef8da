package orderctl

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/orderflow/orderflow/pkg/web"
	"github.com/orderflow/orderflow/services/operators"
)

// Where a server is, in flags and in the environment.
const (
	flagServer   = "server"
	flagServerCA = "server-ca"
	envServer    = "ORDERFLOW_SERVER"
	envServerCA  = "ORDERFLOW_SERVER_CA"
)

func serverFlags(c *cobra.Command) {
	flags := c.PersistentFlags()
	flags.String(flagServer, "", "`URL` of the service operators, which runs the command for you (default: "+envServer+")")
	flags.String(flagServerCA, "", "PEM `FILE` with the authorities that its certificate may be from (default: "+envServerCA+", or else those of this machine)")
	aboutFlag(flags, flagServer, ofCaller, "yes")
	aboutFlag(flags, flagServerCA, ofCaller, "yes")
	aboutFlag(flags, flagData, staysHere, "it is a folder of another machine")
}

// server is a service operators, as a caller sees it.
type server struct {
	url    string
	client *http.Client
}

// serverOf is the server that commands are sent to; nil where they run here. A folder that is named goes before the
// environment, as it does with DATABASE_URL.
func serverOf(c *cobra.Command) (*server, error) {
	address, err := flagOr(c, flagServer, envServer)
	if err != nil || address == "" {
		return nil, err
	}
	if c.Flags().Changed(flagData) {
		if c.Flags().Changed(flagServer) {
			return nil, calledWrongly(c, "--server and --data are two places: name one of them")
		}
		return nil, nil //nolint:nilnil // no server and no error: it runs here
	}
	ca, err := flagOr(c, flagServerCA, envServerCA)
	if err != nil {
		return nil, err
	}
	return newServer(address, ca)
}

func flagOr(c *cobra.Command, flag, env string) (string, error) {
	value, err := c.Flags().GetString(flag)
	if err != nil || value != "" {
		return value, err
	}
	return os.Getenv(env), nil
}

var errServer = errors.New("the server's address is https://host, with a port if it is not 443; http:// only for this machine")

// newServer refuses what would send a password or a token in clear.
func newServer(address, ca string) (*server, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errServer
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback())) {
		return nil, errServer
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: time.Minute, ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, fmt.Errorf("read the server's authorities: %w", err)
		}
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate in PEM", ca)
		}
	}
	return &server{u.Scheme + "://" + strings.ToLower(u.Host), &http.Client{
		Transport: transport,
		// A token goes to nobody else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// post sends JSON; what is not 200 is the error that the server tells.
func (s *server) post(ctx context.Context, path, token string, body any) (*http.Response, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+path, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask the server: %w", err)
	}
	if response.StatusCode == http.StatusOK {
		return response, nil
	}
	defer response.Body.Close()
	var problem web.Problem
	if json.NewDecoder(io.LimitReader(response.Body, 64<<10)).Decode(&problem) != nil || problem.Error == "" {
		return nil, fmt.Errorf("%s answers %s: is it the service operators?", s.url, response.Status)
	}
	return nil, fmt.Errorf("%s answers %d %s%s", s.url, response.StatusCode, visible(problem.Error), because(visible(problem.Message)))
}

// run has the server run a command, prints what it prints, and ends as it ends there.
func (s *server) run(c *cobra.Command, args []string) error {
	mine, err := sessionFor(c.Context(), s.url, time.Now())
	if err != nil {
		return err
	}
	asked := operators.Command{}
	var in io.Reader
	if asked.Args, in, err = sent(c, args); err != nil {
		return err
	}
	if c.Annotations[isPassword] != "" {
		password, err := newPassword(c)
		if err != nil {
			return err
		}
		in = strings.NewReader(password)
	}
	if in != nil {
		if asked.Stdin, err = io.ReadAll(io.LimitReader(in, mostInput+1)); err != nil {
			return fmt.Errorf("read what goes to the server: %w", err)
		}
		if len(asked.Stdin) > mostInput {
			return errors.New("what goes to the server is larger than 4 MiB: send it in parts")
		}
	}
	response, err := s.post(c.Context(), operators.CommandsPath, mine.Token, asked)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return printFrames(c, response.Body)
}

const mostInput = 4 << 20

// printFrames prints what a command prints at the server. Without an exit status at the end nobody knows how it ended.
func printFrames(c *cobra.Command, body io.Reader) error {
	frames := json.NewDecoder(body)
	for {
		var f operators.Frame
		if err := frames.Decode(&f); err != nil {
			return fmt.Errorf("the server's answer was cut off, and it is not known how the command ended: %w", err)
		}
		if _, err := c.OutOrStdout().Write(f.Stdout); err != nil {
			return err
		}
		if _, err := c.ErrOrStderr().Write(f.Stderr); err != nil {
			return err
		}
		if f.Exit != nil {
			return exitStatus{code: *f.Exit}
		}
	}
}

// sent are a command's arguments as they go to the server, after they were understood here, and the file that goes with
// them.
func sent(c *cobra.Command, args []string) (words []string, in io.Reader, err error) {
	words = strings.Fields(c.CommandPath())[1:]
	c.Flags().Visit(func(f *pflag.Flag) {
		if annotated(f, ofCaller) != "" || err != nil {
			return
		}
		if annotated(f, isFile) != "" {
			in, err = fileOf(c, f.Value.String())
			words = append(words, "--"+f.Name+"=-")
			return
		}
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = asFields(list.GetSlice())
		}
		for _, v := range values {
			words = append(words, "--"+f.Name+"="+v)
		}
	})
	return append(append(words, "--"), args...), in, err
}

// asFields are the values of a list, each as one field of CSV: so it is read.
func asFields(values []string) []string {
	fields := make([]string, len(values))
	for i, v := range values {
		var b strings.Builder
		w := csv.NewWriter(&b)
		_ = w.Write([]string{v}) // a Builder takes everything
		w.Flush()
		fields[i] = strings.TrimSuffix(b.String(), "\n")
	}
	return fields
}

// fileOf reads a whole file before anything is sent.
func fileOf(c *cobra.Command, name string) (io.Reader, error) {
	if name == "-" {
		return c.InOrStdin(), nil
	}
	data, err := os.ReadFile(name)
	return bytes.NewReader(data), err
}
