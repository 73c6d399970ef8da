package checklist_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hidden is a reader whose length nobody sees, so that it is sent in chunks.
type hidden struct{ io.Reader }

func chunks(body string) io.Reader { return hidden{strings.NewReader(body)} }

// pad is a body of so many bytes.
func (b bench) pad(n int) string {
	body := b.body(fresh())
	return body + strings.Repeat(" ", n-len(body))
}

// lengths: what is too large is refused, whether it says so or not, and never cut.
func lengths(t tester, b bench) {
	d := b.plain()
	assert.Equal(t, http.StatusOK, b.stream(t, d, chunks(d.body), -1).status, "in chunks")
	assert.Equal(t, 1, b.times(d.body))

	whole := b.signed(b.pad(limit))
	b.lets(t, whole, "as large as may be")
	whole = b.signed(b.pad(limit))
	assert.Equal(t, http.StatusOK, b.stream(t, whole, chunks(whole.body), -1).status, "as large as may be, in chunks")

	// Whoever cuts the body at the limit finds it signed.
	cut := b.signed(b.pad(limit))
	for what, body := range map[string]string{"one byte more": cut.body + " ", "much more": cut.body + strings.Repeat("x", limit)} {
		longer := cut
		longer.body = body
		assert.Equal(t, http.StatusRequestEntityTooLarge, b.post(t, longer).status, what)
		assert.Equal(t, http.StatusRequestEntityTooLarge, b.stream(t, longer, chunks(body), -1).status, what+", in chunks")
		assert.Zero(t, b.times(body), what)
	}
	assert.Zero(t, b.times(cut.body), "cut")
	large := b.signed(b.pad(limit + 1))
	assert.Equal(t, http.StatusRequestEntityTooLarge, b.post(t, large).status, "signed, and too large")
	assert.Equal(t, http.StatusRequestEntityTooLarge, b.stream(t, large, chunks(large.body), -1).status, "signed, and too large, in chunks")
	assert.Zero(t, b.times(large.body))
}

// oldClients: HTTP/1.0, with and without a connection that stays, and senders that ask first.
func oldClients(t tester, b bench) {
	for _, connection := range []string{"close", "keep-alive"} {
		d := b.plain()
		a := b.wire(t, d.raw("1.0", "Connection: "+connection))
		assert.Equal(t, http.StatusOK, a.status, connection)
		assert.Empty(t, a.header.Get("Transfer-Encoding"), "chunks for HTTP/1.0")
		assert.Equal(t, 1, b.times(d.body))
	}
	// Two on one connection.
	conn, in := b.dial(t)
	defer conn.Close()
	for range 2 {
		_, err := io.WriteString(conn, b.plain().raw("1.0", "Connection: keep-alive"))
		require.NoError(t, err)
		response, err := http.ReadResponse(in, nil)
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, read(t, response).status)
	}

	d := b.plain()
	assert.Equal(t, http.StatusOK, b.post(t, d.set("Expect", "100-continue")).status, "Expect")
	assert.Equal(t, 1, b.times(d.body))
	// A body that would be too large is not asked for.
	asks, in := b.dial(t)
	defer asks.Close()
	large := b.signed(b.pad(limit + 1))
	request := large.raw("1.1", "Expect: 100-continue")
	_, err := io.WriteString(asks, request[:len(request)-len(large.body)])
	require.NoError(t, err)
	response, err := http.ReadResponse(in, nil)
	require.NoError(t, err)
	assert.Equal(t, http.StatusRequestEntityTooLarge, read(t, response).status)
}

// slowAndGone: a body that does not end, or whose sender leaves.
func slowAndGone(t tester, b bench) {
	own := b.own(t, setup{answer: 300 * time.Millisecond})
	defer own.stop()
	d := own.plain()
	whole := d.raw("1.1")
	began := time.Now()
	conn, in := own.dial(t)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(began.Add(b.patience)))
	_, err := io.WriteString(conn, whole[:len(whole)-10])
	require.NoError(t, err)
	response, err := http.ReadResponse(in, nil)
	require.NoError(t, err, "it is cut off without an answer, or never")
	assert.Equal(t, http.StatusRequestTimeout, read(t, response).status)

	gone := b.plain()
	leaves, _ := b.dial(t)
	whole = gone.raw("1.1")
	_, err = io.WriteString(leaves, whole[:len(whole)-10])
	require.NoError(t, err)
	require.NoError(t, leaves.Close())
	b.lets(t, b.plain(), "the next one")
	assert.Zero(t, own.times(d.body)+own.times(d.body[:len(d.body)-10])+b.times(gone.body)+b.times(gone.body[:len(gone.body)-10]))

	// More was to come, though what came is signed.
	less := b.plain()
	longer := less
	longer.body += "and more"
	whole = longer.raw("1.1")
	stops, in := b.dial(t)
	defer stops.Close()
	_, err = io.WriteString(stops, whole[:len(whole)-len("and more")])
	require.NoError(t, err)
	if half, ok := stops.(interface{ CloseWrite() error }); ok {
		require.NoError(t, half.CloseWrite())
	}
	response, err = http.ReadResponse(in, nil)
	require.NoError(t, err)
	assert.Equal(t, http.StatusBadRequest, read(t, response).status)
	assert.Zero(t, b.times(less.body), "a part of a body is kept for the whole")

	// Who leaves once everything is sent has sent it; it comes again and is the same.
	early := b.plain()
	hasty, _ := b.dial(t)
	_, err = io.WriteString(hasty, early.raw("1.1"))
	require.NoError(t, err)
	require.NoError(t, hasty.Close())
	assert.Equal(t, http.StatusOK, b.post(t, early).status)
	b.soon(t, func() bool { return b.times(early.body) == 1 }, "kept once")
}

// encodings: a body is taken as it was signed, or not at all; nothing is inflated.
func encodings(t tester, b bench) {
	id := fresh()
	plain := b.body(id)
	zipped := zip(strings.NewReader(plain))
	overInflated := b.at(b.secret, id, stamp(), plain)
	overInflated.body = zipped
	for what, d := range map[string]delivery{
		"signed as it is sent": b.signed(zipped), "signed before": overInflated, "a bomb": b.signed(bomb()),
	} {
		for _, encoding := range []string{"gzip", "GZIP", "br", "deflate, gzip"} {
			a := b.post(t, d.set("Content-Encoding", encoding))
			assert.Equal(t, http.StatusUnsupportedMediaType, a.status, "%s, %s", what, encoding)
		}
	}
	assert.Zero(t, b.times(plain)+b.times(zipped))
	b.lets(t, b.plain().set("Content-Encoding", "identity"), "identity")
}

// zip is what gzip makes of it. It writes to memory, which does not fail.
func zip(from io.Reader) string {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = io.Copy(w, from)
	_ = w.Close()
	return out.String()
}

// bomb is some KB that become 10 MB.
var bomb = sync.OnceValue(func() string { return zip(io.LimitReader(zeros{}, 10<<20)) })

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// forms: a body is bytes whatever its type says, and an unsigned ping means nothing.
func forms(t tester, b bench) {
	for _, kind := range []string{"application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain; charset=\xff", ""} {
		b.lets(t, b.signed("a=1&a=2&empty=&id="+fresh()).set("Content-Type", kind), kind)
		b.lets(t, b.plain().set("Content-Type", kind), kind)
		b.refuses(t, delivery{"/webhooks/" + b.name, http.Header{"Content-Type": {kind}}, "a=1&id=" + fresh()}, kind)
	}
	ping := delivery{"/webhooks/" + b.name, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, "webhook_id=" + fresh()}
	want := http.StatusUnauthorized
	if b.pings {
		want = http.StatusOK
	}
	assert.Equal(t, want, b.post(t, ping).status, "a ping")
	assert.Zero(t, b.times(ping.body), "a ping is no delivery")
	for _, more := range []string{"&id=1", "\n" + b.body(fresh()), "&" + b.body(fresh())} {
		smuggled := ping
		smuggled.body += more
		b.refuses(t, smuggled, "behind a ping")
	}
	b.refuses(t, ping.set(b.header, "x"), "a ping with a signature that is none")
}
