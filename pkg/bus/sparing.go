package bus

import (
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// sparingly is how often trouble is told that goes on.
const sparingly = 30 * time.Second

// Sparing makes a reporter of trouble that is met many times a second while something is away: it is logged when it
// begins, and then every half minute for as long as it lasts.
func Sparing(log zerolog.Logger, message string) func(error) {
	var mu sync.Mutex
	var told time.Time
	missed := 0
	return func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(told) < sparingly {
			missed++
			return
		}
		log.Warn().Err(err).Int("times_since", missed).Msg(message)
		told, missed = time.Now(), 0
	}
}
