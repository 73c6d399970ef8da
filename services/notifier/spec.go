package notifier

import (
	"context"
	"sync"
	"time"

	"github.com/orderflow/orderflow/pkg/reactor"
)

// Carry takes a mail on its way under its Message-ID, which is the same however often it is sent.
type Carry func(ctx context.Context, messageID string) error

func (c Carry) send(ctx context.Context, m outgoing) error { return c(ctx, m.ID) }

// Opener opens what is sealed: a vault.
type Opener = opener

// Spec is the notifier as the loop runs it, with whoever carries its mails instead of a mail server.
func Spec(c Config, seals Opener, carry Carry) reactor.Spec {
	return (&handler{config: c, words: onceWords(), vault: seals, channel: carry, clock: time.Now}).spec()
}

// onceWords reads the templates once, for whoever makes many of these.
var onceWords = sync.OnceValue(newWords)
