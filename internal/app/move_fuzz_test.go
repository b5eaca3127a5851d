package app

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// FuzzReadPeople reads files of users that nobody wrote: every one of them ends, and what is read can be judged.
func FuzzReadPeople(f *testing.F) {
	f.Add(clerkHeader + someID(1) + ",a,b,c,a@x.dev,\t+12025550123,a@x.dev|b@x.dev,,,,t,d,bcrypt\n")
	f.Add(`[{"id":"` + someID(1) + `","email_addresses":[{"id":"i","email_address":"a@x.dev","verification":{"status":"verified"}}],"primary_email_address_id":"i"}]`)
	f.Add(`{"id":"a","web3_wallets":["x"],"public_metadata":{"a":1},"created_at":1,"banned":true,"passkeys":[{}]}` + "\n{}\n")
	f.Add("\uFEFFid,id\n")
	a := &App{Now: func() time.Time { return usersStart }, NewID: NewID}
	f.Fuzz(func(t *testing.T, file string) {
		in, err := readPeople(strings.NewReader(file), func(int, string) {})
		for err == nil {
			var p *person
			if p, err = in.next(); err == nil {
				_, _, _ = a.personUser(p) // whatever it says, it says it
			}
			if _, row := errors.AsType[*rowError](err); row {
				err = nil
			}
		}
	})
}

// FuzzReadExport reads exports that nobody wrote: only what ends with the right footer is whole.
func FuzzReadExport(f *testing.F) {
	header := `{"sojourn_export":1,"schema":1,"instance":"ins_1","exported_at":"2026-01-02T03:04:05Z","master_key_check":"00"}` + "\n"
	f.Add(header + `{"table":"settings","row":{"name":"a","value":"b"}}` + "\n" + `{"end":{"rows":{},"sha256":""}}` + "\n")
	f.Add(header + `{"table":"clients","row":{"id":"a","created_at":1.5}}` + "\n")
	f.Fuzz(func(t *testing.T, export string) {
		in, err := readExport(strings.NewReader(export))
		for err == nil {
			_, err = in.next()
		}
		if errors.Is(err, io.EOF) && !strings.Contains(export, in.footer().Sum) {
			t.Error("an export passed for whole without its sum")
		}
	})
}
