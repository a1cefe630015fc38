package alert

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"relaywatch/mail"
)

// Refused is returned for an alert that the other side does not want, as it says: the
// same alert will hardly be taken later.
type Refused struct{ text string }

func (r *Refused) Error() string { return r.text }

// Busy is returned where the other side answered that it can't take the alert now.
type Busy struct {
	After time.Duration // It wants to be left alone so long; 0 where it does not say.
	text  string
}

func (b *Busy) Error() string { return b.text }

// Sender hands alerts to some other side.
type Sender interface {
	// Send returns what the other side answered. With an error it is not known to
	// have the alert, and may have it: see Refused and Busy.
	Send(ctx context.Context, a *Message) (answer string, err error)
	// String names the other side, without secrets.
	String() string
}

// timeout is how long the other side may take from the first byte to the answer.
const timeout = 20 * time.Second

// explain says what was under way. What comes from the network is made harmless.
func explain(ctx context.Context, where fmt.Stringer, err error) error {
	if ctx.Err() != nil {
		if cause := context.Cause(ctx); !errors.Is(cause, context.DeadlineExceeded) {
			return fmt.Errorf("%s: %w", where, cause)
		}
		return fmt.Errorf("%s: no answer within %v", where, timeout)
	}
	text := err.Error()
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		text = op.Err.Error() // Without our port, which is another each time: the same trouble is said once.
	}
	return &sendError{fmt.Sprintf("%s: %s", where, cut(mail.Visible(text), 300)), err}
}

type sendError struct {
	text string
	err  error
}

func (e *sendError) Error() string { return e.text }
func (e *sendError) Unwrap() error { return e.err }
