-- The agent's report of its own health lies in a file beside the store: it must be
-- written while the store can't be.

-- +goose Up
DROP TABLE agent;
