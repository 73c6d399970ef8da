package orderctl

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/services/operators"
)

// afar is everything in one process, each service with the role and the user of its own, and people who log in from
// elsewhere.
type afar struct {
	running

	t   *testing.T
	url string
}

const afarPassword = "correct horse battery"

func newAfar(t *testing.T) *afar {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	r := runAll(t, "TOKEN_KEYS", base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{3}, 32)), "OPERATORS_LISTEN", address)
	a := &afar{r, t, "http://" + address}
	accounts := operators.NewAccounts(r.pool)
	for _, role := range []operators.Role{operators.Viewer, operators.Operator, operators.Admin} {
		require.NoError(t, accounts.Add(t.Context(), string(role), role, afarPassword))
		out := a.as(string(role), afarPassword+"\n", "login", string(role))
		require.Equal(t, 0, out.code, out.said)
		require.Contains(t, out.out, "with the role "+string(role))
	}
	return a
}

// as calls orderctl at the desk of somebody.
func (a *afar) as(who, input string, args ...string) called {
	a.t.Helper()
	ctx := context.WithValue(a.t.Context(), settingsKey{}, filepath.Join(a.ground.Dir, "desk-"+who))
	return call(ctx, input, append([]string{"--server", a.url}, args...)...)
}

// place has the checkout tell of an order and waits until it is there.
func (a *afar) place(number string) {
	a.t.Helper()
	id := ident.Order("checkout", "default", number)
	a.tell(a.t, id, "checkout", `{"type":"order.created","timestamp":"2026-01-02T15:04:05Z","data":{"order_number":"`+number+`","currency":"USD","total":"10.00",
		"customer":{"email":"robin@example.com","name":"Robin Example"},"shipping_address":{"line1":"1 Main St","city":"Portland","postal_code":"04101","country":"US"},
		"items":[{"sku":"MUG","quantity":1,"price":"10.00"}]}}`)
	require.Eventually(a.t, func() bool {
		return a.count(a.t, `SELECT count(*) FROM read.orders WHERE order_number = $1`, number) == 1
	}, lifetime, 50*time.Millisecond)
}

func TestOperatorsWorkFromAfarAsFarAsTheirRoleAllows(t *testing.T) {
	t.Parallel()
	a := newAfar(t)
	a.place("R-1")
	a.saysTheSame(t)
	a.asksForARole(t)
	a.knowsWhoAsks(t)
	a.takesAFile(t)
	a.keepsTheList(t)
	log, err := os.ReadFile(a.ground.Options.LogFile())
	require.NoError(t, err)
	assert.Contains(t, string(log), `"command":"order hold"`)
	assert.Regexp(t, `"operator":"admin"[^\n]*"command":"operators disable"[^\n]*"args":\["bob"\]`, string(log), "who did it to whom")
	assert.Regexp(t, `"command":"operators disable"[^\n]*"args":\["\?"\]`, string(log), "what can be no operator's name may be anybody's")
	for _, secret := range []string{afarPassword, "a password for bob", "robin@example.com", "R-404", "eyJ"} {
		assert.NotContains(t, string(log), secret)
	}
}

func (a *afar) saysTheSame(t *testing.T) {
	t.Helper()
	for _, args := range [][]string{{"order", "list", "--json"}, {"order", "why", "R-1"}, {"webhooks", "list", "--json"}, {"dead", "list"}} {
		r := a.as("viewer", "", args...)
		require.Equal(t, 0, r.code, r.said)
		assert.NotEmpty(t, r.out, args)
	}
	assert.Contains(t, a.as("viewer", "", "order", "show", "R-1").out, "Order checkout/R-1")
	r := a.as("viewer", "", "order", "show", "R-404")
	assert.Equal(t, 1, r.code)
	r = a.as("viewer", "", "order", "list", "--status", "nonsense")
	assert.Equal(t, 2, r.code, "an exit status comes through")
}

func (a *afar) asksForARole(t *testing.T) {
	t.Helper()
	for _, c := range []struct {
		args                    []string
		viewer, operator, admin bool
		once                    bool // what can be done once is done by the operator
	}{
		{[]string{"order", "show", "R-1", "--personal"}, false, true, true, false},
		{[]string{"order", "hold", "R-1", "--wait", "1m"}, false, true, true, true},
		{[]string{"order", "release", "R-1", "--wait", "1m"}, false, true, true, true},
		{[]string{"webhooks", "replay", "--dry-run"}, false, true, true, false},
		{[]string{"webhooks", "replay"}, false, true, true, false},
		{[]string{"replay", "--since", "1h"}, false, true, true, false},
		{[]string{"dead", "redrive", "--all"}, false, true, true, false},
		{[]string{"verify"}, false, true, true, false},
		{[]string{"operators", "list"}, false, false, true, false},
		{[]string{"operators", "role", "nobody-there", "admin"}, false, false, false, false},
	} {
		for who, may := range map[string]bool{"viewer": c.viewer, "operator": c.operator, "admin": c.admin} {
			if who == "admin" && c.once {
				continue
			}
			r := a.as(who, "", c.args...)
			assert.Equal(t, may, r.code == 0, "%s: %v: %s%s", who, c.args, r.said, r.err)
			if who == "viewer" {
				assert.Contains(t, r.err, "is for the role", c.args)
			}
		}
	}
	assert.Contains(t, a.as("operator", "", "order", "show", "R-1", "--personal").out, "robin@example.com")
	assert.NotContains(t, a.as("viewer", "", "order", "show", "R-1").out, "robin@example.com")
}

func (a *afar) knowsWhoAsks(t *testing.T) {
	t.Helper()
	r := a.as("operator", "", "order", "hold", "R-1", "--by", "eve")
	assert.Equal(t, 2, r.code)
	assert.Contains(t, r.err, "--by is not taken by a server")
	r = a.as("operator", "", "order", "hold", "R-1", "--reason", "looking", "--wait", "1m", "--json")
	require.Equal(t, 0, r.code, r.err)
	r = a.as("admin", "", "order", "release", "R-1", "--wait", "1m")
	require.Equal(t, 0, r.code, r.err)
	assert.Contains(t, r.out, "admin")
	assert.NotContains(t, r.out, "eve")
}

func (a *afar) takesAFile(t *testing.T) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "count.csv")
	require.NoError(t, os.WriteFile(file, []byte("sku,quantity\nMUG,7\n\"A,B\",5\n"), 0o600))
	r := a.as("operator", "", "stock", "set", "--csv", file, "--wait", "1m")
	require.Equal(t, 0, r.code, r.err)
	assert.Contains(t, a.as("viewer", "", "stock", "show", "A,B").out, "5")
	r = a.as("operator", "sku,quantity\nTEE,3\n", "stock", "receive", "--csv", "-", "--wait", "1m")
	require.Equal(t, 0, r.code, r.err)
}

func (a *afar) keepsTheList(t *testing.T) {
	t.Helper()
	r := a.as("admin", "a password for bob\n", "operators", "add", "bob")
	require.Equal(t, 0, r.code, r.err)
	require.Equal(t, 0, a.as("bob", "a password for bob\n", "login", "bob").code)
	require.Equal(t, 0, a.as("bob", "", "order", "list").code)
	require.Equal(t, 0, a.as("admin", "", "operators", "disable", "bob").code)
	require.Equal(t, 1, a.as("admin", "", "operators", "disable", "robin@example.com").code)
	r = a.as("bob", "", "order", "list")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.said, "log in again")
	assert.Equal(t, 1, a.as("admin", "short\n", "operators", "password", "bob").code)
}

// Whoever has a token may send what our own client would not.
func TestArgumentsThatReachForTheServerAreRefused(t *testing.T) {
	t.Parallel()
	a := newAfar(t)
	a.place("S-1")
	to, err := newServer(a.url, "")
	require.NoError(t, err)
	ctx := context.WithValue(t.Context(), settingsKey{}, filepath.Join(a.ground.Dir, "desk-admin"))
	session, err := sessionFor(ctx, to.url, time.Now())
	require.NoError(t, err)
	send := func(args ...string) (out, said string, exit int) {
		response, err := to.post(t.Context(), operators.CommandsPath, session.Token, operators.Command{Args: args})
		require.NoError(t, err, args)
		defer response.Body.Close()
		frames, exit := json.NewDecoder(response.Body), -1
		for exit < 0 {
			var f operators.Frame
			require.NoError(t, frames.Decode(&f))
			out, said = out+string(f.Stdout), said+string(f.Stderr)
			if f.Exit != nil {
				exit = *f.Exit
			}
		}
		return out, said, exit
	}
	out, _, exit := send("order", "show", "S-1")
	require.Equal(t, 0, exit)
	require.Contains(t, out, "S-1")
	file := filepath.Join(t.TempDir(), "made.json")
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("not-so-secret\n"), 0o600))
	for _, args := range [][]string{
		{"order", "show", "S-1", "--data", a.ground.Dir}, {"--data=" + a.ground.Dir, "order", "list"}, {"order", "--data", "/", "list"},
		{"stock", "set", "--csv", secret}, {"stock", "set", "--csv=" + secret}, {"stock", "set", "--csv=/dev/stdin"},
		{"order", "hold", "S-1", "--by", "eve"}, {"order", "hold", "--by=", "S-1"},
		{"sign", "--source", "stripe", "--secret", "@" + secret, secret}, {"check", "--source", "stripe", "--secret", "@" + secret, secret},
		{"sign", "--source", "amazon", "--enclosed", file, secret}, {"normalize", "--source", "stripe", secret},
		{"load", "--json", file}, {"bench", "--dir", filepath.Dir(file)}, {"up"}, {"broker", secret}, {"migrate"}, {"provision"}, {"rebuild"},
		{"psql", "--", "-c", "select 1"}, {"sql", "SELECT password FROM operators.accounts"}, {"health", "--url", "http://169.254.169.254/"},
		{"webhooks", "reconcile", "--source", "stripe", "--api", "http://169.254.169.254"}, {"settings"}, {"version"},
		{"login", "admin"}, {"logout"}, {"order", "list", "--server", "http://127.0.0.1:1"}, {"order", "list", "--server-ca", secret},
		{"completion", "bash"}, {"__complete", "order", "list", ""}, {"__completeNoDesc", "sql", ""}, {"help", "order"},
		{"order", "show", "S-1", "--", "--personal", "--data"},
	} {
		out, said, exit := send(args...)
		if args[0] == "help" || args[0] == "completion" {
			assert.NotContains(t, out+said, "not-so-secret")
			continue // texts of the program, which anybody can read
		}
		assert.NotEqual(t, 0, exit, "%v: %s", args, out)
		assert.NotContains(t, out+said, "not-so-secret", args)
	}
	assert.NoFileExists(t, file)
	assert.Zero(t, a.count(t, `SELECT count(*) FROM orderflow.events WHERE type = 'order.v1.HoldPlaced'`))
}

func TestATokenIsKeptForItsOwnerAndForItsServerAlone(t *testing.T) {
	t.Parallel()
	asked := make(chan *http.Request, 10)
	answer := func(w http.ResponseWriter, r *http.Request) {
		asked <- r
		if r.URL.Path == operators.LoginPath {
			_ = json.NewEncoder(w).Encode(operators.Session{Token: "t0ken", Name: "ada", Role: operators.Viewer, ExpiresAt: time.Now().Add(time.Hour)})
			return
		}
		w.WriteHeader(http.StatusOK) // and not a word
	}
	there := httptest.NewTLSServer(http.HandlerFunc(answer))
	t.Cleanup(there.Close)
	dir := t.TempDir()
	ctx := context.WithValue(t.Context(), settingsKey{}, dir)
	r := call(ctx, "secret of ada\n", "login", "ada", "--server", there.URL)
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.said, "certificate", "nobody vouches for it")
	ca := filepath.Join(dir, "ca.pem")
	pem := "-----BEGIN CERTIFICATE-----\n" + base64.StdEncoding.EncodeToString(there.Certificate().Raw) + "\n-----END CERTIFICATE-----\n"
	require.NoError(t, os.WriteFile(ca, []byte(pem), 0o600))
	r = call(ctx, "secret of ada\n", "login", "ada", "--server", there.URL, "--server-ca", ca)
	require.Equal(t, 0, r.code, r.said)
	assert.NotContains(t, r.out, "t0ken")
	<-asked
	info, err := os.Stat(filepath.Join(dir, "orderflow", "sessions.json"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	r = call(ctx, "", "order", "list", "--server", there.URL, "--server-ca", ca)
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.said, "cut off")
	assert.Equal(t, "Bearer t0ken", (<-asked).Header.Get("Authorization"))
	r = call(ctx, "", "order", "list", "--server", "https://127.0.0.1:1")
	assert.Contains(t, r.said, "you are not logged in")
	for _, address := range []string{"http://operators.example.com", "https://user:word@host", "ftp://host", "https://host/path", "host", "https://host?x"} {
		assert.Contains(t, call(ctx, "", "order", "list", "--server", address).said, "https://host", address)
	}
	assert.Equal(t, 2, call(ctx, "", "order", "list", "--server", there.URL, "--data", dir).code)
	assert.Equal(t, 2, call(ctx, "", "version", "--server", there.URL).code)
	require.Equal(t, 0, call(ctx, "", "logout", "--server", there.URL, "--server-ca", ca).code)
	assert.Contains(t, call(ctx, "", "order", "list", "--server", there.URL, "--server-ca", ca).said, "you are not logged in")
	assert.Empty(t, asked)
}

func TestWhatIsSentIsWhatWasMeant(t *testing.T) {
	t.Parallel()
	root := Root()
	var got []string
	every(root, func(c *cobra.Command) {
		if c.RunE != nil {
			c.RunE = func(c *cobra.Command, args []string) (err error) {
				got, _, err = sent(c, args)
				return err
			}
		}
	})
	root.SetArgs(strings.Split(`webhooks|replay|--id|a|--id="b,c"|--dry-run|--json|--server|http://127.0.0.1:1`, "|"))
	root.PersistentPreRunE = nil
	require.NoError(t, root.Execute())
	assert.Equal(t, []string{"webhooks", "replay", "--dry-run=true", "--id=a", `--id="b,c"`, "--json=true", "--"}, got)
}
