package store

import (
	"context"

	"relaywatch/mail"
)

// The expression is that of an index.
const selectReplayedDeliveries = `SELECT y.time, y.log_id, y.log_offset, coalesce(y.reverse_path_id, 0), coalesce(y.recipient_id, 0),
	y.reply, y.outcome, y.time + y.reply_delta FROM deliveries y
	WHERE y.time + y.reply_delta > ?1 AND y.outcome > 0 ORDER BY y.time + y.reply_delta`

// deliveries reads those that were decided, in the order in which they were. It
// shares the paths of r: who was mailed a moment ago is who is delivered to.
type deliveries struct {
	r     *replay
	rows  numbers
	read  []mail.Delivery
	taken int // Of read.
	err   error
}

func (d *deliveries) open(ctx context.Context, after mail.Time) error {
	return d.rows.open(context.WithoutCancel(ctx), d.r.snapshot, selectReplayedDeliveries, int64(after))
}

// before hands over those that were decided before a time.
func (d *deliveries) before(ctx context.Context, at mail.Time, to func(mail.Delivery)) {
	for d.more(ctx) && d.read[d.taken].RepliedAt < at {
		to(d.read[d.taken])
		d.taken++
	}
}

func (d *deliveries) more(ctx context.Context) bool {
	if d.taken == len(d.read) && d.err == nil {
		if d.err = ctx.Err(); d.err == nil {
			d.err = d.fill(context.WithoutCancel(ctx)) // As in replay.more.
		}
	}
	return d.taken < len(d.read) && d.err == nil
}

// fill reads some.
func (d *deliveries) fill(ctx context.Context) error {
	d.read, d.taken = d.read[:0], 0
	var paths []int64
	for row := d.rows.peek(); row != nil && len(d.read) < readAhead/2; row = d.rows.peek() {
		d.read = append(d.read, mail.Delivery{
			Pos: mail.LogPos{Log: d.r.logs[row.at(1)], Offset: row.at(2)}, At: mail.Time(row.at(0)),
			Reply: int(row.at(5)), Outcome: mail.DeliveryOutcome(row.at(6)), RepliedAt: mail.Time(row.at(7)),
		})
		paths = append(paths, row.at(3), row.at(4))
		d.rows.done()
	}
	if d.rows.err != nil {
		return d.rows.err
	}
	return d.r.resolveAll(ctx, paths, func(next func(*mail.Path)) {
		for i := range d.read {
			next(&d.read[i].ReversePath)
			next(&d.read[i].Recipient)
		}
	})
}
