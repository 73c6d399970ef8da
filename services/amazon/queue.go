package amazon

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/rs/zerolog"
)

// queue reads Amazon's notifications out of SQS. A message is deleted once it is durable in INTAKE; one that is not comes
// again when it has been hidden for long enough, and after as many times as the queue is set to it goes to the queue's
// dead-letter queue.
type queue struct {
	sqs        *sqs.Client
	url        string
	visibility time.Duration
	keep       *keeper
	metrics    *metrics
	log        zerolog.Logger
}

const (
	// batch is as many messages as SQS gives at once, and poll is how long it waits for one: as long as it can.
	batch = 10
	poll  = 20 * time.Second
	// callTimeout is for calls that do not wait.
	callTimeout = 10 * time.Second
)

// newSQS is a client whose credentials are found as AWS's tools find them.
func newSQS(ctx context.Context, c *Config, options ...func(*config.LoadOptions) error) (*sqs.Client, error) {
	if c.Region != "" {
		options = append(options, config.WithRegion(c.Region))
	}
	found, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("settings of AWS: %w", err)
	}
	if found.Region == "" {
		return nil, errors.New("AMAZON_SQS_REGION is not set, and AMAZON_SQS_QUEUE_URL is")
	}
	return sqs.NewFromConfig(found, func(o *sqs.Options) {
		if c.Endpoint != "" {
			o.BaseEndpoint = &c.Endpoint
		}
	}), nil
}

// Run reads the queue until ctx ends. What was received by then is kept and deleted.
func (q *queue) Run(ctx context.Context) error {
	tell := trouble(q.log, "Amazon's queue")
	pause := firstPause
	for ctx.Err() == nil {
		messages, err := q.receive(ctx)
		if err == nil {
			err = q.handle(context.WithoutCancel(ctx), messages)
		}
		if err == nil {
			pause = firstPause
			continue
		}
		if ctx.Err() == nil {
			tell(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
			pause = min(2*pause, time.Minute)
		}
	}
	return nil
}

// receive waits for messages.
func (q *queue) receive(ctx context.Context) ([]types.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, poll+callTimeout)
	defer cancel()
	out, err := q.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &q.url, MaxNumberOfMessages: batch, WaitTimeSeconds: int32(poll / time.Second),
		VisibilityTimeout: int32(q.visibility / time.Second), //nolint:gosec // at most 12 hours
	})
	if err != nil {
		return nil, fmt.Errorf("receive: %w", err)
	}
	return out.Messages, nil
}

// handle keeps messages and deletes those that were kept. Once one cannot be, the rest is not tried: all of them come again
// when they were hidden for long enough, and not sooner, since each time that they come counts for the dead-letter queue.
func (q *queue) handle(ctx context.Context, messages []types.Message) error {
	began := time.Now()
	var kept []types.DeleteMessageBatchRequestEntry
	var failure error
	for n, m := range messages {
		if failure == nil && time.Since(began) > q.visibility/2 {
			failure = fmt.Errorf("keeping %d messages took %s", n, time.Since(began).Round(time.Second))
		}
		if failure != nil {
			q.metrics.messages.WithLabelValues(later).Inc()
			continue
		}
		body := ""
		if m.Body != nil {
			body = *m.Body
		}
		again, err := q.keep.keep(ctx, []byte(body))
		outcome := done
		switch {
		case err != nil:
			failure, outcome = err, later
		case again:
			outcome = known
		}
		q.metrics.messages.WithLabelValues(outcome).Inc()
		if err == nil {
			kept = append(kept, types.DeleteMessageBatchRequestEntry{Id: new(strconv.Itoa(n)), ReceiptHandle: m.ReceiptHandle})
		}
	}
	if err := q.remove(ctx, kept); err != nil {
		return err
	}
	return failure
}

// remove deletes messages. One that is not comes again, and is known.
func (q *queue) remove(ctx context.Context, kept []types.DeleteMessageBatchRequestEntry) error {
	if len(kept) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := q.sqs.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &q.url, Entries: kept})
	if err != nil {
		q.metrics.messages.WithLabelValues(notThere).Add(float64(len(kept)))
		return fmt.Errorf("delete: %w", err)
	}
	q.metrics.messages.WithLabelValues(notThere).Add(float64(len(out.Failed)))
	return nil
}
