package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/smtp"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func hmacOf(secret []byte, content string) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(content))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// send hands a mail with a text and an HTML part to the mailbox, as any client would.
func send(t *testing.T, address, to, messageID, subject, text string) {
	t.Helper()
	require.NoError(t, trySend(address, to, messageID, subject, text))
}

func trySend(address, to, messageID, subject, text string) error {
	raw := "From: Shop <shop@example.org>\r\nTo: " + to + "\r\nSubject: " + subject + "\r\nMessage-ID: " + messageID + "\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: multipart/alternative; boundary=xyz\r\n\r\n" +
		"--xyz\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\n" + text + "\r\n" +
		"--xyz\r\nContent-Type: text/html; charset=UTF-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p class=3D\"x\">" + text + "</p>\r\n--xyz--\r\n"
	return smtp.SendMail(address, nil, "shop@example.org", []string{to}, []byte(raw))
}

func (w *world) get(path string) (int, string, http.Header) {
	w.t.Helper()
	response, err := http.Get(w.http + path)
	require.NoError(w.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(w.t, err)
	return response.StatusCode, string(body), response.Header
}

func (w *world) mails(query string) []Mail {
	w.t.Helper()
	status, body, _ := w.get("/mails" + query)
	require.Equal(w.t, http.StatusOK, status)
	var said struct {
		Mails []Mail `json:"mails"`
	}
	require.NoError(w.t, json.Unmarshal([]byte(body), &said))
	return said.Mails
}

func TestAMailIsTakenApart(t *testing.T) {
	t.Parallel()
	for name, dir := range map[string]string{"in memory": "", "on disk": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := quick()
			config.Dir = dir
			w := run(t, config)
			send(t, w.smtp, "one@example.org", "<m1@shop.example>", "=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Hello one")
			send(t, w.smtp, "two@example.org", "<m2@shop.example>", "Second", "Hello two")

			all := w.mails("")
			require.Len(t, all, 2)
			assert.Equal(t, "Second", all[0].Subject, "newest first")
			m := all[1]
			assert.Equal(t, []string{"one@example.org"}, m.To)
			assert.Equal(t, "shop@example.org", m.From)
			assert.Equal(t, "Grüße", m.Subject)
			assert.Equal(t, "m1@shop.example", m.MessageID)
			assert.Equal(t, "Hello one", m.Text)
			assert.Equal(t, `<p class="x">Hello one</p>`, m.HTML)
			assert.False(t, m.ReceivedAt.IsZero())

			assert.Len(t, w.mails("?to=ONE@example.org"), 1)
			assert.Len(t, w.mails("?message_id="+url.QueryEscape("<m2@shop.example>")), 1)
			assert.Empty(t, w.mails("?to=three@example.org"))
			assert.Len(t, w.mails("?limit=1"), 1)
			assert.Zero(t, w.counts().Repeats)

			send(t, w.smtp, "one@example.org", "<m1@shop.example>", "Again", "Hello one")
			c := w.counts()
			assert.Equal(t, []int64{3, 1, 1}, []int64{c.Mails, int64(c.RepeatedMessageIDs), int64(c.Repeats)})

			status, _ := w.call("DELETE", "/mails", "", "")
			assert.Equal(t, http.StatusNoContent, status)
			assert.Empty(t, w.mails(""))
			assert.Zero(t, w.counts().Mails)
		})
	}
}

func TestOldMailsMakeRoom(t *testing.T) {
	t.Parallel()
	config := quick()
	config.MailsMost, config.Dir = 10, t.TempDir()
	w := run(t, config)
	for n := range 25 {
		send(t, w.smtp, "one@example.org", "<m"+strconv.Itoa(n)+"@shop.example>", "Mail "+strconv.Itoa(n), "Hello")
	}
	shown := w.mails("?limit=1000")
	assert.LessOrEqual(t, len(shown), 11)
	assert.Equal(t, "Mail 24", shown[0].Subject)
	assert.EqualValues(t, 25, w.counts().Mails, "they are counted all the same")
}

func TestAMailboxThatRefuses(t *testing.T) {
	t.Parallel()
	w := run(t, quick())
	var refused *textproto.Error
	require.ErrorAs(t, trySend(w.smtp, "bounce@example.org", "<m@x>", "s", "t"), &refused)
	assert.Equal(t, 550, refused.Code)
	for range 2 {
		require.ErrorAs(t, trySend(w.smtp, "greylist@example.org", "<m@x>", "s", "t"), &refused)
		assert.Equal(t, 451, refused.Code)
	}
	require.NoError(t, trySend(w.smtp, "greylist@example.org", "<m@x>", "s", "t"))
	assert.EqualValues(t, 1, w.counts().Mails)
}

func TestAMailThatIsNoneIsKept(t *testing.T) {
	t.Parallel()
	w := run(t, quick())
	require.NoError(t, smtp.SendMail(w.smtp, nil, "a@example.org", []string{"b@example.org"}, []byte("no header\xff at all\r\n")))
	mails := w.mails("")
	require.Len(t, mails, 1)
	assert.Contains(t, mails[0].Text, "no header")
}

func TestPagesEscapeEverything(t *testing.T) {
	t.Parallel()
	w := run(t, quick())
	const evil = `"><script>alert(1)</script>`
	send(t, w.smtp, "one@example.org", "<m1@shop.example>", evil, evil)
	w.call("POST", "/v1/labels", "k1", orderOf(evil, ""))
	for _, path := range []string{"/", "/?q=" + url.QueryEscape(evil), "/mails/1"} {
		status, page, header := w.get(path)
		assert.Equal(t, http.StatusOK, status)
		assert.NotContains(t, page, "<script", path)
		assert.Contains(t, header.Get("Content-Security-Policy"), "default-src 'none'")
		assert.True(t, strings.HasPrefix(header.Get("Content-Type"), "text/html"))
	}
	_, page, _ := w.get("/mails/1")
	assert.Contains(t, page, `<iframe sandbox title="The mail as HTML" srcdoc="&lt;p class=`)
	for _, path := range []string{"/mails/2", "/mails/x", "/nothing"} {
		status, _, _ := w.get(path)
		assert.Equal(t, http.StatusNotFound, status)
	}
}
