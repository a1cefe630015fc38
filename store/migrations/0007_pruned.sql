-- Up to when rows may be gone, so that nobody takes what was pruned for what never was.

-- +goose Up
ALTER TABLE meta ADD COLUMN pruned INTEGER NOT NULL DEFAULT 0; -- unix seconds: rows before it were removed; 0: none ever were
