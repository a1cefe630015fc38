-- Who judged, so that an unchanged judge need not judge all that is stored anew.

-- +goose Up
ALTER TABLE checkpoint ADD COLUMN judge TEXT NOT NULL DEFAULT ''; -- detect.Judgement.By; '' is not known
