package checklist_test

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fault is what is wrong about a receiver.
type fault string

const (
	nothingWrong        fault = "nothing"
	rewritesJSON        fault = "verifies and keeps the JSON as it writes it"
	trimsBodies         fault = "trims bodies"
	takesEmptySecret    fault = "starts with an empty secret"
	triesFirstSignature fault = "tries the first signature only"
	triesLastSignature  fault = "tries the last signature only: reads the header into a map"
	hasNoClock          fault = "looks at no time"
	takesTheFuture      fault = "takes times in the future"
	isASecondShort      fault = "has a tolerance that is a second short"
	takesMilliseconds   fault = "takes milliseconds for seconds"
	printsTimesAnew     fault = "verifies the time as it prints it"
	triesFirstSecret    fault = "tries the first secret only"
	wantsAllSecrets     fault = "wants every secret to have signed"
	readsSecretsOnce    fault = "reads secrets at its start only"
	readsAnySpelling    fault = "reads any spelling of a signature"
	firstHeaderWins     fault = "reads the first of several headers"
	stumblesOverHeaders fault = "answers 500 to headers that it cannot read"
	cutsBodies          fault = "cuts bodies at the limit"
	believesLengths     fault = "believes Content-Length"
	takesHalves         fault = "takes a body whose sender left for a whole one"
	waitsForBodies      fault = "waits for slow bodies for ever"
	inflates            fault = "inflates bodies before it verifies"
	parsesForms         fault = "parses forms before it verifies"
	comparesPrefix      fault = "compares as much of a signature as was sent"
	dedupeFirst         fault = "looks for duplicates before the signature"
	brokerFirst         fault = "asks the broker before the signature"
	tellsWhy            fault = "tells why a signature is refused"
	blamesTheSender     fault = "answers 400 when the broker is gone"
	hasNoLimit          fault = "lets anybody in as often as he likes"
	keepsTwice          fault = "knows no duplicates"
	forgetsAtRestart    fault = "remembers duplicates in its memory"
	knowsByIDAlone      fault = "takes another body with the same id for the same"
	knowsByBodyAlone    fault = "takes another id with the same body for the same"
	knowsAcrossAccounts fault = "takes the same at another account for the same"
	refusesUnusable     fault = "refuses what is signed and no JSON"
	answersFirst        fault = "answers 200 before it is durable"
	waitsForEver        fault = "answers when the broker does, however late"
	anyAccountsSecret   fault = "verifies with every account's secret"
	tellsPaths          fault = "repeats the path in its answer"
	logsBodies          fault = "logs what it refuses"
)

// wrong are all faults, with the schemes that they are tried with and the case that has to find each. Stripe has a time
// and several signatures in one header, Standard Webhooks sign an id, Shopify signs the body alone.
var wrong = []struct {
	fault   fault
	schemes string
	finds   string
}{
	{rewritesJSON, "stripe shopify checkout", "T1"},
	{trimsBodies, "stripe shopify checkout", "T2"},
	{takesEmptySecret, "stripe shopify checkout", "T3"},
	{triesFirstSignature, "stripe checkout", "T4"},
	{triesLastSignature, "stripe checkout", "T4"},
	{hasNoClock, "stripe checkout", "T5"},
	{takesTheFuture, "stripe checkout", "T5"},
	{isASecondShort, "stripe checkout", "T5"},
	{takesMilliseconds, "stripe checkout", "T5"},
	{printsTimesAnew, "stripe checkout", "T5"},
	{triesFirstSecret, "stripe shopify checkout", "T6"},
	{wantsAllSecrets, "stripe shopify checkout", "T6"},
	{readsSecretsOnce, "checkout", "T6"},
	{readsAnySpelling, "shopify checkout stripe", "T7"},
	{firstHeaderWins, "stripe shopify checkout", "T8"},
	{stumblesOverHeaders, "stripe shopify checkout", "T8"},
	{cutsBodies, "stripe shopify checkout", "T9"},
	{believesLengths, "stripe shopify checkout", "T9"},
	{takesHalves, "shopify", "T9 slow and gone"},
	{waitsForBodies, "shopify", "T9 slow and gone"},
	{inflates, "stripe shopify checkout", "T10"},
	{parsesForms, "stripe shopify checkout", "T11"},
	{comparesPrefix, "stripe shopify checkout", "T12"},
	{dedupeFirst, "stripe shopify checkout", "T13"},
	{brokerFirst, "stripe shopify checkout", "T13"},
	{tellsWhy, "stripe shopify checkout", "T14"},
	{hasNoLimit, "stripe", "T14 too often"},
	{keepsTwice, "stripe shopify checkout", "T15"},
	{forgetsAtRestart, "shopify", "T15 restart"},
	{knowsByIDAlone, "stripe shopify checkout", "T15"},
	{knowsByBodyAlone, "checkout", "T15"},
	{knowsAcrossAccounts, "stripe shopify checkout", "T15"},
	{refusesUnusable, "stripe shopify checkout", "T16"},
	{blamesTheSender, "stripe", "T18"},
	{answersFirst, "stripe shopify checkout", "T18"},
	{waitsForEver, "shopify", "T18 slow"},
	{anyAccountsSecret, "stripe shopify checkout", "T21"},
	{tellsPaths, "shopify", "T21"},
	{logsBodies, "stripe shopify checkout", "T23"},
}

// watcher remembers what a case finds.
type watcher struct{ found []string }

func (w *watcher) Errorf(format string, args ...any) {
	w.found = append(w.found, format)
	for _, a := range args {
		if s, ok := a.(string); ok {
			w.found = append(w.found, s)
		}
	}
}
func (w *watcher) Helper()  {}
func (w *watcher) FailNow() { runtime.Goexit() }

// look runs a case against a receiver with a fault and says what it finds.
func look(t *testing.T, c check, s scheme, f fault) []string {
	t.Helper()
	start := models(t, f)
	shared, err := start(setup{scheme: s})
	require.NoError(t, err)
	defer shared.stop()
	w := &watcher{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c(w, bench{s, shared, start, 3 * time.Second})
	}()
	<-done
	return w.found
}

// Nothing is found about the model as long as nothing is wrong with it: what is found about the others is their fault.
func TestTheModelIsRight(t *testing.T) {
	t.Parallel()
	for _, s := range schemes {
		if s.read == nil {
			continue
		}
		for _, c := range cases {
			t.Run(s.name+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				assert.Empty(t, look(t, c.check, s, nothingWrong))
			})
		}
	}
}

// Every wrong receiver is found by the case that is there for it.
func TestWrongReceiversAreFound(t *testing.T) {
	t.Parallel()
	caught := map[string]bool{}
	for _, one := range wrong {
		caught[strings.Fields(one.finds)[0]] = true
		for _, s := range schemes {
			if !strings.Contains(one.schemes, s.name) {
				continue
			}
			t.Run(string(one.fault)+"/"+s.name, func(t *testing.T) {
				t.Parallel()
				found := false
				for _, c := range cases {
					if c.name == one.finds {
						found = true
						assert.NotEmpty(t, look(t, c.check, s, one.fault), "%s does not find it", c.name)
					}
				}
				require.True(t, found, "there is no case %s", one.finds)
			})
		}
	}
	for _, c := range cases {
		assert.True(t, caught[strings.Fields(c.name)[0]], "nothing shows that %s finds anything", c.name)
	}
}
