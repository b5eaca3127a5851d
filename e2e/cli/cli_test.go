// Package cli tests the commands of the binary, one script in testdata for each thing they promise.
package cli

import (
	"bufio"
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/ncruces/go-sqlite3/driver"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sojourn-auth/sojourn/e2e/internal/binary"
)

// patience bounds how long a command may take; it is never used up when things work.
const patience = 2 * time.Minute

var binDir string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "sojourn-cli-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if _, err := binary.Build(context.Background(), dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	binDir = dir
	return m.Run()
}

// TestCommands runs every script. Besides testscript's own commands they know:
//
//	dev [NAME=value ...]   starts `sojourn dev` on $SOJOURN_DATA_DIR, waits until it is ready and stops it;
//	                       what it printed is then in dev.json, and its secret key in $SECRET_KEY
//	card                   does the same without --json, and keeps what people read in card.txt
//	sqlite FILE STATEMENT  changes a database file
//	until PATTERN COMMAND  repeats a command until its standard output matches
//	keep NAME PATTERN      sets $NAME to what the group in PATTERN matches in the last standard output
func TestCommands(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", binDir+string(os.PathListSeparator)+os.Getenv("PATH"))
			env.Setenv("SOJOURN_DATA_DIR", filepath.Join(env.WorkDir, "data"))
			env.Setenv("SOJOURN_BACKEND_ADDR", "127.0.0.1:0")
			env.Setenv("SOJOURN_FRONTEND_ADDR", "127.0.0.1:0")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"dev":    dev,
			"card":   card,
			"sqlite": sqlite,
			"keep":   keep,
			"until":  until,
		},
	})
}

func dev(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("use: ! exec sojourn dev")
	}
	var printed json.RawMessage
	runDev(ts, args, []string{"--json"}, func(stdout io.Reader) error { return json.NewDecoder(stdout).Decode(&printed) })
	ts.Check(os.WriteFile(ts.MkAbs("dev.json"), printed, 0o600))
	var server struct {
		SecretKey string `json:"secret_key"`
	}
	ts.Check(json.Unmarshal(printed, &server))
	ts.Setenv("SECRET_KEY", server.SecretKey)
}

func card(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: card")
	}
	var text strings.Builder
	runDev(ts, nil, nil, func(stdout io.Reader) error {
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			text.WriteString(lines.Text() + "\n")
			if strings.HasPrefix(lines.Text(), "Stop with Ctrl-C") {
				return nil
			}
		}
		return fmt.Errorf("the card has no end: %w", cmp.Or(lines.Err(), io.ErrUnexpectedEOF))
	})
	ts.Check(os.WriteFile(ts.MkAbs("card.txt"), []byte(text.String()), 0o600))
}

// runDev starts `sojourn dev`, lets read take what it prints, and stops it.
func runDev(ts *testscript.TestScript, env, flags []string, read func(stdout io.Reader) error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, filepath.Join(binDir, "sojourn"), append([]string{"dev"}, flags...)...)
	command.Dir = ts.Getenv("WORK")
	command.Env = append(environment(ts), env...)
	var log strings.Builder
	command.Stderr = &log
	stdout, err := command.StdoutPipe()
	ts.Check(err)
	ts.Check(command.Start())

	err = read(stdout)
	_ = command.Process.Signal(syscall.SIGTERM)
	if exit := command.Wait(); err != nil || exit != nil {
		ts.Fatalf("sojourn dev: %v, %v\n%s", err, exit, log.String())
	}
}

// environment is what the script's own commands see.
func environment(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range []string{
		"PATH", "HOME", "TMPDIR", "SOJOURN_DATA_DIR", "SOJOURN_BACKEND_ADDR", "SOJOURN_FRONTEND_ADDR",
	} {
		env = append(env, name+"="+ts.Getenv(name))
	}
	return env
}

func sqlite(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sqlite FILE STATEMENT")
	}
	db, err := sql.Open("sqlite3", "file:"+ts.MkAbs(args[0]))
	ts.Check(err)
	_, err = db.Exec(args[1])
	ts.Check(err)
	ts.Check(db.Close())
}

func keep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: keep NAME PATTERN")
	}
	pattern, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	found := pattern.FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) != 2 {
		ts.Fatalf("%s has no one group that matches in\n%s", args[1], ts.ReadFile("stdout"))
	}
	ts.Setenv(args[0], found[1])
}

func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until PATTERN COMMAND [ARGUMENT ...]")
	}
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	deadline := time.After(patience)
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		if err := ts.Exec(args[1], args[2:]...); err == nil && pattern.MatchString(ts.ReadFile("stdout")) {
			return
		}
		select {
		case <-again.C:
		case <-deadline:
			ts.Fatalf("still no %s after %v", args[0], patience)
		}
	}
}
