// Evaluate measures how well relaywatch detects, on worlds whose truth is known.
//
// Each seed makes two organisations: a clean one, and one in which some of the
// attacks of package traffic take place in the last weeks. Their log rows are
// written to files, read by ingest.Reader and judged by detect.Engine, as the
// program does. What is found is compared with the truth, beside simple rules that
// are used elsewhere (Baselines).
//
//	go run ./samples/evaluate --seeds table
//
// prints the tables, and at the end which goals are met; make evaluate does the same.
//
// The seeds of the table are never used to choose a threshold: tune on TuningSeeds.
// A world has a third of the attacks. Where that is too few of a kind to tell, as of
// phish to the address book,
//
//	go run ./samples/evaluate --seeds 301-360 --attacks book,phish
//
// has them in every attacked world. --balanced puts workstations behind one address, and
// --balanced-servers all that is inside.
package main
