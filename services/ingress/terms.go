package ingress

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// terms are what holds for all accounts of a source: who may call, how often, with how much, and until when an answer
// is of use. The zero value is that of the settings for all.
type terms struct {
	allow  prefixes
	rate   limiter
	body   int64
	answer time.Duration
}

// longestAnswer is a little less than a connection of ours stays open for an answer (package web).
const longestAnswer = 25 * time.Second

// settleTerms are the terms of a source: its own setting, else what is known of it, else the setting for all.
func settleTerms(c *Config, s source.Source, environ map[string]string) (terms, error) {
	prefix := strings.ToUpper(s.Name())
	t := terms{body: c.MaxBody, answer: c.AnswerTimeout}
	if known, ok := s.(source.Sender); ok {
		t.body, t.answer = cmp.Or(known.Habits().Body, t.body), min(cmp.Or(known.Habits().Answer, t.answer), longestAnswer)
	}
	allow := told{"INGRESS_ALLOW", strings.Join(c.Allow, ",")}.of(environ, prefix+"_ALLOW")
	var errs []error
	if allow.value != "" {
		var err error
		t.allow, err = parsePrefixes(allow.setting, strings.Split(allow.value, ","))
		errs = append(errs, err)
	}
	perSecond := told{"INGRESS_RATE", strconv.Itoa(c.Rate)}.of(environ, prefix+"_RATE")
	n, err := strconv.Atoi(perSecond.value)
	if err != nil || n < 0 {
		errs = append(errs, fmt.Errorf("%s is a number of requests a second; 0 is no limit", perSecond.setting))
	}
	t.rate = newRates(n)
	if body := environ[prefix+"_MAX_BODY"]; body != "" {
		t.body, err = strconv.ParseInt(body, 10, 64)
		if err != nil || t.body < leastBody || t.body > mostBody {
			errs = append(errs, fmt.Errorf("%s_MAX_BODY is from %d to %d bytes", prefix, leastBody, mostBody))
		}
	}
	if answer := environ[prefix+"_ANSWER_TIMEOUT"]; answer != "" {
		t.answer, err = time.ParseDuration(answer)
		if err != nil || t.answer <= 0 || t.answer > longestAnswer {
			errs = append(errs, fmt.Errorf("%s_ANSWER_TIMEOUT is a time such as 4s, of at most %s", prefix, longestAnswer))
		}
	}
	return t, errors.Join(errs...)
}
