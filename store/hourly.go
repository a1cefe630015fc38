package store

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"relaywatch/mail"
)

// hourOf is the key of table hourly.
type hourOf struct{ hour, submitter int64 }

// hourly is what a batch adds to a row of table hourly.
type hourly struct{ transactions, recipients, external, refused int64 }

const secondsPerHour = 3600

var upsertHour = newInsert("hourly", "hour, submitter_id, transactions, recipients, external, refused",
	` ON CONFLICT (hour, submitter_id) DO UPDATE SET transactions = transactions + excluded.transactions,
	recipients = recipients + excluded.recipients, external = external + excluded.external, refused = refused + excluded.refused`)

// hourAt is the first second of the hour, before 1970 too.
func hourAt(at mail.Time) int64 {
	rest := int64(at) % secondsPerHour
	if rest < 0 {
		rest += secondsPerHour
	}
	return int64(at) - rest
}

// hour is the counts of a submitter's hour.
func (w *batchWriter) hour(submitter int64, at mail.Time) *hourly {
	key := hourOf{hourAt(at), submitter}
	if key == w.lastKey && w.lastHour != nil {
		return w.lastHour
	}
	h := w.hours[key]
	if h == nil {
		h = new(hourly)
		w.hours[key] = h
	}
	w.lastKey, w.lastHour = key, h
	return h
}

// count counts a recipient. A reply that the log does not tell counts as accepted:
// a submitter must not seem harmless for want of a column.
func (h *hourly) count(r *mail.Recipient, e external) {
	if r.Refused() {
		h.refused++
		return
	}
	h.recipients++
	if e == outside {
		h.external++
	}
}

func (w *batchWriter) allHours(ctx context.Context) error {
	rows := upsertHour.on(w.known)
	byHour := func(a, b hourOf) int {
		return cmp.Or(cmp.Compare(a.hour, b.hour), cmp.Compare(a.submitter, b.submitter))
	}
	for _, key := range slices.SortedFunc(maps.Keys(w.hours), byHour) {
		h := w.hours[key]
		var external any
		if len(w.known.domains.own) > 0 {
			external = h.external
		}
		if err := rows.add(ctx, key.hour, key.submitter, h.transactions, h.recipients, external, h.refused); err != nil {
			return err
		}
	}
	return rows.flush(ctx)
}
