-- Deliveries are judged, too: in the order in which they were answered.

-- +goose Up
ALTER TABLE deliveries ADD COLUMN reply_delta INTEGER NOT NULL DEFAULT 0; -- seconds from time to the row with reply; 0 where an older version stored it
CREATE INDEX deliveries_replied ON deliveries (time + reply_delta);
