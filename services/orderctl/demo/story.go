// Package demo tells stories: orders as shops, payment providers and a checkout would tell them, with everything that
// goes wrong on the way, and how each of them has to end.
//
//	story.go   what a story is, and which there are
//	tell.go    the stories
//	bodies.go  the providers' payloads
//	send.go    signed requests over real HTTP
//	watch.go   what became of them
//	report.go  the table
package demo

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/orderflow/orderflow/pkg/ident"
)

// End is how an order has to end.
type End string

// The ends.
const (
	Shipped     End = "shipped" // and delivered, since the sandbox's carrier is fast
	Held        End = "held"
	Backordered End = "back-ordered"
	Cancelled   End = "cancelled"
)

// Story is one order.
type Story struct {
	Name   string
	Source string // whose order it is
	Order  ident.Entity
	Number string
	Ends   End
	// Total, Email and Wants are what the story's order comes to: pieces by SKU.
	Total int64
	Email string
	Wants map[string]int64
	// Chapters are sent one after the other.
	Chapters []Chapter
}

// Chapter is one delivery of a provider.
type Chapter struct {
	Source string
	// Account is the path's last part; empty for the default.
	Account string
	Topic   string
	Body    []byte
	// Wrong changes the body after it was signed: it has to be refused.
	Wrong bool
	// Again sends the very same request so many more times.
	Again int
}

// Plenty are SKUs of which there is enough, Rare is one of which there is too little.
const (
	plentySKUs = 40
	Rare       = "DEMO-RARE"
)

// Stock is what has to be on the shelves for n orders.
func Stock(n int) map[string]int64 {
	stock := map[string]int64{Rare: 1}
	for i := range plentySKUs {
		stock[plenty(i)] = int64(20*n + 1000)
	}
	return stock
}

func plenty(i int) string { return fmt.Sprintf("DEMO-%03d", i) }

// teller makes stories; the same seed and time make the same ones.
type teller struct {
	random *rand.Rand
	now    time.Time
	run    string
	count  int
}

func newTeller(now time.Time, seed uint64) *teller {
	return &teller{
		random: rand.New(rand.NewPCG(seed, uint64(now.UnixNano()))), //nolint:gosec // which story comes when is no secret
		now:    now.UTC().Truncate(time.Second), run: "D" + now.UTC().Format("0102150405"),
	}
}

// plot is a kind of story, and how many of twenty are of it.
type plot struct {
	share int
	tell  func(t *teller) Story
}

var plots = []plot{
	{5, stripeAlone},
	{1, stripeAgain},
	{2, shopifyInOrder},
	{1, shopifyPaidFirst},
	{1, shopifyThreeWays},
	{2, wooPaid},
	{1, wooPaidLater},
	{1, checkoutThenPayment},
	{1, paymentThenCheckout},
	{1, bothDescribe},
	{1, wrongSignature},
	{1, tooLittleStock},
	{1, sumsThatDiffer},
	{1, cancelledByShop},
}

// Tell makes n stories, of each kind its share, shuffled.
func Tell(n int, now time.Time, seed uint64) []Story {
	t := newTeller(now, seed)
	var deck []plot
	for _, p := range plots {
		for range p.share {
			deck = append(deck, p)
		}
	}
	stories := make([]Story, 0, n)
	for i := range n {
		t.count = i + 1
		stories = append(stories, deck[(i*7)%len(deck)].tell(t))
	}
	t.random.Shuffle(len(stories), func(i, j int) { stories[i], stories[j] = stories[j], stories[i] })
	return stories
}

// OneOfEach makes one story of every kind.
func OneOfEach(now time.Time) []Story {
	t := newTeller(now, 1)
	stories := make([]Story, 0, len(plots))
	for i, p := range plots {
		t.count = i + 1
		stories = append(stories, p.tell(t))
	}
	return stories
}
