package main

import (
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs testdata/script: each is a use of the program with what it must
// print. $SAMPLES is the folder of the shipped samples. With UPDATE_SCRIPTS set in
// the environment, what they compare with becomes what was printed.
func TestScripts(t *testing.T) {
	samples, err := filepath.Abs("../../samples")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"fails": fails, "sql": spoilStore},
		Setup: func(e *testscript.Env) error {
			e.Setenv("SAMPLES", samples)
			return nil
		},
	})
}

// fails is a command of scripts: `fails CODE PROGRAM ARG...` runs a program that
// must end with an exit code.
func fails(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: fails CODE PROGRAM ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	var exit *exec.ExitError
	switch err := ts.Exec(args[1], args[2:]...); {
	case !errors.As(err, &exit):
		ts.Fatalf("got %v; want exit code %d", err, want)
	case exit.ExitCode() != want:
		ts.Fatalf("got exit code %d; want %d", exit.ExitCode(), want)
	}
}

// spoilStore is a command of scripts: `sql DB STATEMENT` changes a store behind
// relaywatch's back.
func spoilStore(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sql DB STATEMENT")
	}
	db, err := sql.Open("sqlite3", "file:"+ts.MkAbs(args[0]))
	ts.Check(err)
	result, err := db.Exec(args[1])
	ts.Check(err)
	ts.Check(db.Close())
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		ts.Fatalf("%s: changed %d rows, %v; want some", args[1], n, err)
	}
}
