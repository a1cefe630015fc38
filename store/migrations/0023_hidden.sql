-- What is kept of recipients may become less. This tells whether a change that was
-- interrupted had been committed.

-- +goose Up
ALTER TABLE meta ADD COLUMN hidden TEXT NOT NULL DEFAULT ''; -- names the key by which recipients were last hidden; '': they never were, after they had been stored
