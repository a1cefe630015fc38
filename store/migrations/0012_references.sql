-- Whoever removes a submitter must know that nothing refers to it, without reading
-- all that might.

-- +goose Up
CREATE INDEX memory_submitter ON memory (submitter_id);
CREATE INDEX triage_submitter ON triage (submitter_id);
