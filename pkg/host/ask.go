package host

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// Reach is how this machine comes to what listens on an address: on all interfaces means on this one as well.
func Reach(listen string) (string, error) {
	address, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", fmt.Errorf("ADMIN_LISTEN is no address: %w", err)
	}
	if ip := net.ParseIP(address); address == "" || ip != nil && ip.IsUnspecified() {
		address = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(address, port), nil
}

// Ask asks a process at its admin URL whether it is ready, and what it says about that. The error means that nobody
// answers.
func Ask(ctx context.Context, url string) (ready bool, says string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(url, "/")+"/readyz", http.NoBody)
	if err != nil {
		return false, "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false, "", fmt.Errorf("nobody answers: %w", err)
	}
	defer response.Body.Close()
	said, err := io.ReadAll(io.LimitReader(response.Body, 4096))
	if err != nil {
		return false, "", fmt.Errorf("read the answer: %w", err)
	}
	return response.StatusCode == http.StatusOK, strings.TrimSpace(string(said)), nil
}
