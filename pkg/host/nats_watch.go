package host

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
)

// natsWatch tells the log when the connection goes and comes, and why it does not come: each reason once.
type natsWatch struct {
	log  zerolog.Logger
	conn atomic.Pointer[nats.Conn]

	mu   sync.Mutex
	last string
}

func (w *natsWatch) options() []nats.Option {
	return []nats.Option{
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil && !refused(err) {
				w.log.Warn().Str("error", natsTrouble(err)).Msg("the connection to NATS is gone")
			}
		}),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { w.failed(err) }),
		// Of a handshake that failed nats.go tells no handler, but remembers it between two rounds.
		nats.CustomReconnectDelay(func(int) time.Duration {
			if conn := w.conn.Load(); conn != nil {
				w.failed(conn.LastError())
			}
			return reconnectWait
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if refused(err) {
				w.failed(err)
				return
			}
			w.log.Warn().Str("error", natsTrouble(err)).Msg("NATS has trouble with us")
		}),
		nats.ReconnectHandler(func(*nats.Conn) {
			w.told("")
			w.log.Info().Msg("connected to NATS again")
		}),
	}
}

func refused(err error) bool {
	return errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired)
}

func (w *natsWatch) failed(err error) {
	if err == nil {
		return
	}
	if why := natsTrouble(err); w.told(why) {
		w.log.Warn().Str("error", why).Msg("NATS cannot be reached again yet")
	}
}

// told remembers what was said last, and says whether it is something else.
func (w *natsWatch) told(why string) (anew bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	anew = why != w.last
	w.last = why
	return anew
}
