package sandbox

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/emersion/go-smtp"
	"golang.org/x/sync/errgroup"

	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/pkg/web"
)

// Service is the sandbox as the host runs it.
func Service() host.Service {
	config := &Config{}
	return host.Service{
		Name:   "sandbox",
		About:  "Stands in for the outside: a carrier that sells labels and scans parcels, a mailbox and a phone to look into.",
		Config: config,
		Start: func(_ context.Context, d host.Deps) ([]host.Task, error) {
			return start(*config, d)
		},
	}
}

// start makes one task of everything: the books close last, after all who write into them.
func start(config Config, d host.Deps) ([]host.Task, error) {
	b, err := openBooks(config.Dir, config.MailsMost)
	if err != nil {
		return nil, err
	}
	p, err := newPoster(config, d.Clock)
	if err != nil {
		return nil, errors.Join(err, b.journal.close())
	}
	pagesAt, err := d.Listen("sandbox", config.Listen)
	if err != nil {
		return nil, errors.Join(err, b.journal.close())
	}
	mailAt, err := d.Listen("smtp", config.SMTPListen)
	if err != nil {
		return nil, errors.Join(err, pagesAt.Close(), b.journal.close())
	}
	courier := newCourier(config, b, p, d.Clock, d.Log)
	e := web.New(d.Log)
	carrier, teller := newCarrier(config, b, courier, d.Clock), newTeller(config, b, d.Log)
	carrier.routes(e)
	(&phone{config: config, books: b, carrier: carrier, teller: teller, clock: d.Clock}).routes(e)
	newPages(b).routes(e)
	mailbox := newMailbox(b, d.Clock, d.Log)
	d.Log.Info().Stringer("http", pagesAt.Addr()).Stringer("smtp", mailAt.Addr()).Msg("the sandbox is open")

	return []host.Task{{Name: "outside", Run: func(ctx context.Context) error {
		parts, ctx := errgroup.WithContext(ctx)
		parts.Go(func() error { return web.Serve(pagesAt, e)(ctx) })
		parts.Go(func() error { return mailbox.Serve(mailAt) })
		parts.Go(func() error { return courier.run(ctx) })
		parts.Go(func() error { return teller.run(ctx) })
		parts.Go(func() error {
			select {
			case <-b.journal.broken:
				return b.journal.sync()
			case <-ctx.Done():
			}
			return closeMailbox(context.WithoutCancel(ctx), mailbox, mailAt)
		})
		return errors.Join(parts.Wait(), b.journal.close())
	}}}, nil
}

// closeMailbox lets mails that are being told come to their end, but waits for no client that only holds the line: a
// mail that was not answered is sent again.
func closeMailbox(ctx context.Context, mailbox *smtp.Server, l net.Listener) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	err := mailbox.Shutdown(ctx)
	_ = l.Close() // a second time, as a rule: a server that had not begun to serve did not know it
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}
