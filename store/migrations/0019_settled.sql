-- Addresses get their entries in address_hashes many at a time. Until then the writer
-- holds them in memory, and whoever else looks for one reads them all.

-- +goose Up
ALTER TABLE meta ADD COLUMN settled INTEGER NOT NULL DEFAULT 1; -- addresses.id: those up to it have their entry in address_hashes, those above it none yet
UPDATE meta SET settled = (SELECT max(id) FROM addresses);
