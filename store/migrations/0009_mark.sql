-- A log may be cut and written on: the last bytes read of it tell.

-- +goose Up
ALTER TABLE logs ADD COLUMN mark INTEGER NOT NULL DEFAULT 0; -- ingest.Log.Mark, as a signed number
