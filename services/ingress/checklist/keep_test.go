package checklist_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// orderOfWork: what is not signed touches nothing, and what is not signed is no duplicate of anything.
func orderOfWork(t tester, b bench) {
	d := b.plain()
	forged := d.set(b.header, b.value(stamp(), b.spell(make([]byte, 32))))
	b.refuses(t, forged, "before the good one")
	b.lets(t, d, "the good one, behind a forged one of the same id")
	a := b.post(t, forged)
	assert.Equal(t, http.StatusUnauthorized, a.status, "forged, with an id and a body that came before")

	own := b.own(t, setup{breaks: true})
	defer own.stop()
	own.lose()
	assert.Equal(t, http.StatusUnauthorized, own.post(t, own.plain().set(b.header, "x")).status, "the broker is asked before the signature")
	assert.Equal(t, http.StatusRequestEntityTooLarge, own.post(t, own.signed(own.pad(limit+1))).status, "the broker is asked before the size")
	assert.Equal(t, http.StatusServiceUnavailable, own.post(t, own.plain()).status)
}

// statuses: each trouble has its own, and whoever has no secret learns nothing from the words.
func statuses(t tester, b bench) {
	d := b.plain()
	var refused []answer
	changed := d
	changed.body += " "
	for _, wrong := range []delivery{
		d.set(b.header), d.set(b.header, "x"), d.set(b.header, "x", "y"), b.at(b.other, fresh(), stamp(), d.body), changed, b.with(fresh(), "now", b.value("now", "x"), d.body), b.at(b.secret, fresh(), "1", d.body).set(b.header, "t=1"),
	} {
		refused = append(refused, b.post(t, wrong))
	}
	if b.timed {
		refused = append(refused, b.post(t, b.at(b.secret, fresh(), "1", d.body)))
	}
	for _, a := range refused {
		assert.Equal(t, http.StatusUnauthorized, a.status)
		assert.Equal(t, refused[0].body, a.body, "the answer says what was wrong")
	}
	assert.LessOrEqual(t, len(refused[0].body), 200)

	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, b.url+d.path, http.NoBody)
	require.NoError(t, err)
	response, err := client.Do(r)
	require.NoError(t, err)
	assert.Equal(t, http.StatusMethodNotAllowed, read(t, response).status)
}

func tooOften(t tester, b bench) {
	own := b.own(t, setup{rate: 3})
	defer own.stop()
	for range 3 {
		own.lets(t, own.plain(), "as many as may come at once")
	}
	d := own.plain()
	a := own.post(t, d)
	assert.Equal(t, http.StatusTooManyRequests, a.status)
	assert.NotEmpty(t, a.header.Get("Retry-After"))
	assert.Zero(t, own.times(d.body))
	// It is looked at before the body: who is told to come again has not sent it.
	assert.Equal(t, http.StatusTooManyRequests, own.post(t, own.signed(own.pad(limit+1))).status)
}

// duplicates: the same again is answered like the first and kept once; what differs is kept.
func duplicates(t tester, b bench) {
	d := b.plain()
	first := b.post(t, d)
	again := b.post(t, d)
	assert.Equal(t, []any{http.StatusOK, http.StatusOK}, []any{first.status, again.status})
	assert.Equal(t, first.body, again.body)
	assert.Equal(t, 1, b.times(d.body), "the same twice")

	d = b.plain()
	var wg sync.WaitGroup
	statuses := make([]int, 50)
	for n := range statuses {
		wg.Go(func() {
			r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, b.url+d.path, strings.NewReader(d.body))
			if err != nil {
				return
			}
			r.Header = d.header.Clone()
			if response, err := client.Do(r); err == nil {
				response.Body.Close()
				statuses[n] = response.StatusCode
			}
		})
	}
	wg.Wait()
	for _, status := range statuses {
		assert.Equal(t, http.StatusOK, status, "at once")
	}
	assert.Equal(t, 1, b.times(d.body), "50 times at once")

	id := fresh()
	one, two := b.body(id), strings.Replace(b.body(id), "MUG", "CUP", 1)+" "
	b.lets(t, b.at(b.secret, id, stamp(), one), "a body")
	b.lets(t, b.at(b.secret, id, stamp(), two), "another body with the same id")
	if b.ided {
		b.lets(t, b.at(b.secret, fresh(), stamp(), one), "the same body with another id")
		assert.Equal(t, 2, b.times(one), "the same body with another id")
	}
	here, there := b.at(b.secret, id, stamp(), b.body(id)+"\n"), b.at(b.other, id, stamp(), b.body(id)+"\n")
	there.path += "/second"
	b.lets(t, here, "at one account")
	b.lets(t, there, "at another account")
	assert.Equal(t, 2, b.times(here.body), "the same at two accounts")
}

func afterRestart(t tester, b bench) {
	own := b.own(t, setup{})
	defer func() { own.stop() }()
	d := own.plain()
	own.lets(t, d, "before")
	own.url = own.restart()
	assert.Equal(t, http.StatusOK, own.post(t, d).status)
	assert.Equal(t, 1, own.times(d.body), "the same after a restart")
}

// unusable: what is signed is kept, whatever it says, and not asked for again.
func unusable(t tester, b bench) {
	for what, body := range map[string]string{
		"no JSON": "hello " + fresh(), "half a JSON": b.body(fresh())[:40] + fresh(), "a list": "[" + fresh() + "]", "null": "null" + strings.Repeat(" ", 7), "no id": `{"note":"` + fresh() + `"}`,
		"a type of tomorrow": `{"id":"` + fresh() + `","type":"zebra.created","object":"zebra","api_version":"2099-01-01","data":{}}`, "deep": strings.Repeat("[", 5000) + fresh(),
	} {
		b.lets(t, b.signed(body), what)
	}
}

func brokerGone(t tester, b bench) {
	own := b.own(t, setup{breaks: true, answer: 5 * time.Second})
	defer own.stop()
	own.lets(t, own.plain(), "as long as it is there")
	own.lose()
	for range 3 {
		a := own.post(t, own.plain())
		assert.Equal(t, http.StatusServiceUnavailable, a.status, "a 2xx is a promise that it is kept, other errors that it need not come again")
		assert.NotEmpty(t, a.header.Get("Retry-After"))
	}
}

// brokerSlow: an answer comes before the sender stops waiting, and what comes again is the same.
func brokerSlow(t tester, b bench) {
	own := b.own(t, setup{breaks: true, answer: 500 * time.Millisecond})
	defer own.stop()
	own.hang()
	d := own.plain()
	began := time.Now()
	a := own.post(t, d)
	assert.Equal(t, http.StatusServiceUnavailable, a.status)
	assert.Less(t, time.Since(began), 4*time.Second)
	own.heal()
	b.soon(t, func() bool { return own.post(t, d).status == http.StatusOK }, "it comes again")
	assert.Equal(t, 1, own.times(d.body))
}

// canaries: neither secrets nor persons nor cards come out again, whatever happens.
func canaries(t tester, b bench) {
	const card, mail = "4242424242424242", "ada.canary@example.com"
	own := b.own(t, setup{breaks: true, secrets: []string{b.secret, b.other}, answer: 2 * time.Second})
	defer own.stop()
	body := func() string {
		return "{" + `"email":"` + mail + `","card":{"number":"` + card + `"},` + own.body(fresh())[1:]
	}
	good := own.signed(body())
	var answers []string
	for _, d := range []delivery{
		good, good, good.set(b.header), good.set(b.header, mail), good.set(b.header, b.secret), good.set(b.header, card, card), own.at("wrong", fresh(), stamp(), body()), own.at(b.secret, fresh(), "1", body()),
		own.signed(card + mail), own.signed(`{"id":"` + mail + `","type":"` + card + `","object":"event","livemode":true,"currency":"` + card + `"}`), own.signed(strings.ReplaceAll(body(), "25", mail)),
		own.signed(body() + strings.Repeat(" ", limit)), good.set("Content-Encoding", mail), own.signed(`{"` + mail + `":` + card),
	} {
		answers = append(answers, own.post(t, d).body)
	}
	unknown := good
	unknown.path = "/webhooks/" + mail + "/" + card
	answers = append(answers, own.post(t, unknown).body)
	own.rotate(b.secret, "", mail)
	own.rotate(b.secret)
	own.lose()
	answers = append(answers, own.post(t, own.signed(body())).body)
	said := own.says() + strings.Join(answers, "\n")
	for _, secret := range []string{card, mail, b.secret, b.other, good.header.Get(b.header), string(b.key(b.secret))} {
		assert.Zero(t, strings.Count(said, secret), "it tells %q", secret) // without repeating all that was said
	}
}
