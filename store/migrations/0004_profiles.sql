-- What is usual for submitters, so that detection goes on after a restart.

-- +goose Up
CREATE TABLE profiles (
	submitter_id INTEGER PRIMARY KEY REFERENCES submitters (id),
	state        BLOB    NOT NULL -- detect.Profile.State, as of checkpoint.until
) STRICT;
