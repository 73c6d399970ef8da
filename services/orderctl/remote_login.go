package orderctl

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/orderflow/orderflow/services/operators"
)

func loginCommand() *cobra.Command {
	return &cobra.Command{
		Use: "login NAME", Short: "Log in at the service operators, so that it runs your commands",
		Long: `Log in at the service operators, which --server or ORDERFLOW_SERVER names. Your password is asked for, or read from
standard input where that is no terminal. The token that comes back is kept in your own folder of settings, which nobody
else can read, until it ends (TOKEN_LIFE) or 'orderctl logout' forgets it.

As long as ORDERFLOW_SERVER is set, commands run there, as you and with your role; those that need this machine (up,
load, sign, check, normalize, sql …) still run here.`,
		Example: `  export ORDERFLOW_SERVER=https://operators.example.com
  orderctl login ada
  orderctl order why shopify/1001
  orderctl login ada --server https://127.0.0.1:8081 --server-ca ca.pem < password`,
		Args: takes(cobra.ExactArgs(1), "one NAME"), Annotations: map[string]string{ofCaller: "yes", staysHere: "it is how you come to a token"},
		RunE: func(c *cobra.Command, args []string) error {
			to, err := namedServer(c)
			if err != nil {
				return err
			}
			password, err := readPassword(c, "Password of "+visible(args[0])+": ")
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), time.Minute)
			defer cancel()
			response, err := to.post(ctx, operators.LoginPath, "", operators.Login{Name: args[0], Password: password})
			if err != nil {
				return err
			}
			defer response.Body.Close()
			var s operators.Session
			if err := json.NewDecoder(io.LimitReader(response.Body, 64<<10)).Decode(&s); err != nil || s.Token == "" {
				return errors.New("the server's answer is no token")
			}
			if err := changeSessions(c.Context(), func(all map[string]operators.Session) { all[to.url] = s }); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "You are %s at %s, with the role %s, until %s UTC.\n", visible(s.Name), to.url, visible(string(s.Role)), clockTime(s.ExpiresAt))
			return nil
		},
	}
}

func logoutCommand() *cobra.Command {
	return &cobra.Command{
		Use: "logout", Short: "Forget the token that 'orderctl login' got",
		Long: `Forget the token that 'orderctl login' got. It is good until it ends all the same: where it may have got into other
hands, have an admin run 'orderctl operators disable NAME' or set a new password, which ends it at once.`,
		Example: "  orderctl logout",
		Args:    takesNothing, Annotations: map[string]string{ofCaller: "yes", staysHere: "your token is there"},
		RunE: func(c *cobra.Command, _ []string) error {
			to, err := namedServer(c)
			if err != nil {
				return err
			}
			return changeSessions(c.Context(), func(all map[string]operators.Session) { delete(all, to.url) })
		},
	}
}

func namedServer(c *cobra.Command) (*server, error) {
	to, err := serverOf(c)
	if err == nil && to == nil {
		err = calledWrongly(c, "at which server? Set %s, or name it with --server", envServer)
	}
	return to, err
}

// longestLine is more than any password.
const longestLine = 1 << 10

// readPassword asks on a terminal, without showing what is typed, and reads one line elsewhere.
func readPassword(c *cobra.Command, prompt string) (string, error) {
	if f, ok := c.InOrStdin().(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(c.ErrOrStderr(), prompt)
		typed, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(c.ErrOrStderr())
		return string(typed), err
	}
	line, err := bufio.NewReader(io.LimitReader(c.InOrStdin(), longestLine)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", errors.New("standard input holds no password")
	}
	return line, nil
}

// newPassword is asked for twice on a terminal, and checked before it goes anywhere.
func newPassword(c *cobra.Command) (string, error) {
	password, err := readPassword(c, "New password: ")
	if err != nil {
		return "", err
	}
	if err := operators.CheckPassword(password); err != nil {
		return "", err
	}
	if f, ok := c.InOrStdin().(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		again, err := readPassword(c, "Once more: ")
		if err != nil {
			return "", err
		}
		if again != password {
			return "", errors.New("these were two different passwords")
		}
	}
	return password, nil
}

// settingsKey is where a test puts its folder of settings; commands ask the system.
type settingsKey struct{}

// sessionsFile is where tokens are kept, by server.
func sessionsFile(ctx context.Context) (string, error) {
	dir, ok := ctx.Value(settingsKey{}).(string)
	if !ok {
		var err error
		if dir, err = os.UserConfigDir(); err != nil {
			return "", fmt.Errorf("look for your folder of settings: %w", err)
		}
	}
	return filepath.Join(dir, "orderflow", "sessions.json"), nil
}

func readSessions(path string) (map[string]operators.Session, error) {
	all := map[string]operators.Session{}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err == nil && json.Unmarshal(data, &all) != nil {
		err = errors.New("it is not what 'orderctl login' writes")
	}
	if err != nil {
		return nil, fmt.Errorf("read your token in %s: %w", path, err)
	}
	return all, nil
}

// sessionFor is the token for a server, if it has not ended.
func sessionFor(ctx context.Context, url string, now time.Time) (operators.Session, error) {
	path, err := sessionsFile(ctx)
	if err != nil {
		return operators.Session{}, err
	}
	all, err := readSessions(path)
	if err != nil {
		return operators.Session{}, err
	}
	s, ok := all[url]
	if !ok || !now.Before(s.ExpiresAt) {
		return s, fmt.Errorf("you are not logged in at %s%s: orderctl login NAME", url, when(ok, " any more"))
	}
	return s, nil
}

// changeSessions writes a whole new file that only its owner can read, and puts it in the place of the old one.
func changeSessions(ctx context.Context, change func(map[string]operators.Session)) error {
	path, err := sessionsFile(ctx)
	if err != nil {
		return err
	}
	all, err := readSessions(path)
	if err != nil {
		return err
	}
	change(all)
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("keep the token: %w", err)
	}
	file, err := os.CreateTemp(filepath.Dir(path), "sessions-*") // 0600
	if err != nil {
		return fmt.Errorf("keep the token: %w", err)
	}
	_, err = file.Write(data)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name()) // it is of no use
		return fmt.Errorf("keep the token: %w", err)
	}
	return nil
}
