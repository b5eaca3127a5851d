package app

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// UserNote tells of one line of a file of users. It holds no digest.
type UserNote struct {
	Line   int
	UserID string // as the file has it; "" where it has none
	Reason string
}

func (n UserNote) String() string {
	if n.UserID == "" {
		return fmt.Sprintf("line %d: %s", n.Line, n.Reason)
	}
	return fmt.Sprintf("line %d: %s: %s", n.Line, n.UserID, n.Reason)
}

// UserTally counts what became of the users of a file.
type UserTally struct {
	Imported int // new, with or without all that they had
	Reduced  int // of those, without
	Present  int // there already, and left as they are
	Refused  int
}

func (t UserTally) String() string {
	return fmt.Sprintf("%d users imported, %d of them without something they had; %d there already; %d refused",
		t.Imported, t.Reduced, t.Present, t.Refused)
}

// ImportUsers creates the users of an export of Clerk's: the CSV of its Dashboard, or JSON as its Backend API answers.
// The rules are those of CreateUser. A user who breaks one is refused as a whole and told of, and the next one is
// read; so is what a user loses, or with strict they are refused. Users who are there already stay as they are, so
// that a second run finishes a first one.
func (a *App) ImportUsers(ctx context.Context, r io.Reader, strict bool, tell func(UserNote)) (UserTally, error) {
	var tally UserTally
	in, err := readPeople(r, func(line int, name string) { tell(UserNote{Line: line, Reason: name + " is ignored"}) })
	if err != nil {
		return tally, err
	}
	for {
		p, err := in.next()
		if errors.Is(err, io.EOF) {
			return tally, nil
		}
		created := false
		if err == nil {
			created, err = a.importPerson(ctx, p, strict)
		}
		note, ok := refusal(p, err)
		switch {
		case err != nil && !ok:
			return tally, err
		case err != nil:
			tally.Refused++
			tell(note)
		case !created:
			tally.Present++
		default:
			tally.Imported++
			if len(p.lost) > 0 {
				tally.Reduced++
				tell(UserNote{p.line, p.id, "imported without " + strings.Join(p.lost, "; ")})
			}
		}
	}
}

var (
	errStrict = errors.New("would lose") // what there is nothing for here
	errNobody = errors.New("has neither an id nor anything that a user is found by")
)

// refusal is the note of an error that is about one person; not ok when it is about more.
func refusal(p *person, err error) (note UserNote, ok bool) {
	if row, is := errors.AsType[*rowError](err); is {
		return UserNote{row.line, row.id, "refused: " + row.err.Error()}, true
	}
	if _, is := errors.AsType[*api.Error](err); !is && !errors.Is(err, errStrict) && !errors.Is(err, errNobody) {
		return note, false
	}
	return UserNote{p.line, p.id, "refused: " + err.Error()}, true
}

// userID is the shape of the ids that Clerk and this server give.
var userID = regexp.MustCompile(`^user_[0-9A-Za-z]{27}$`)

// importPerson makes a user of a person, unless they are there.
func (a *App) importPerson(ctx context.Context, p *person, strict bool) (created bool, err error) {
	find := a.Store.User
	if !userID.MatchString(p.id) {
		find = a.Store.UserWithExternalID
		if p.id != "" && !p.req.ExternalID.Present() {
			p.req.ExternalID = api.Set(p.id)
		}
	}
	if p.id != "" {
		if _, err := find(ctx, p.id); !errors.Is(err, store.ErrNotFound) {
			return false, err
		}
	}
	u, ids, err := a.personUser(p)
	if err != nil {
		return false, err
	}
	if strict && len(p.lost) > 0 {
		return false, fmt.Errorf("%w %s", errStrict, strings.Join(p.lost, "; "))
	}
	return true, a.insertUser(ctx, u, ids, session.ByOperator, a.now())
}

// personUser is the user that a person becomes. A digest that this server cannot read is added to what they lose.
func (a *App) personUser(p *person) (store.User, []store.Identifier, error) {
	now := a.now()
	emails, phones, wallets := p.emails.all(), p.phones.all(), p.wallet.all()
	if p.id == "" && p.req.Username.Or("") == "" && len(emails)+len(phones)+len(wallets) == 0 {
		return store.User{}, nil, errNobody // a second run would make another one
	}
	p.req.EmailAddress, p.req.PhoneNumber, p.req.Web3Wallet = valuesOf(emails), valuesOf(phones), valuesOf(wallets)
	u, err := a.newUser(&p.req, now)
	if err != nil {
		return u, nil, err
	}
	if userID.MatchString(p.id) {
		u.ID = p.id
	}
	if u.LastSignInAt, err = moment("last_sign_in_at", p.lastSignInAt); err != nil {
		return u, nil, err
	}
	if u.LastActiveAt, err = moment("last_active_at", p.lastActive); err != nil {
		return u, nil, err
	}
	ids, err := a.newIdentifiers(&p.req, &u, now)
	if err != nil {
		return u, nil, err
	}
	for n, given := range slices.Concat(emails, phones, wallets) {
		setStatus(&ids[n], given.status)
	}
	u.PrimaryEmailID = primaryAmong(ids[:len(emails)], p.emails.primary)
	u.PrimaryPhoneID = primaryAmong(ids[len(emails):len(emails)+len(phones)], p.phones.primary)
	u.PrimaryWeb3ID = primaryAmong(ids[len(emails)+len(phones):], p.wallet.primary)
	return u, ids, p.givePassword(&u, now)
}

func valuesOf(all []address) []string {
	values := make([]string, len(all))
	for i, a := range all {
		values[i] = a.value
	}
	return values
}

// primaryAmong is the first identifier when one was named primary, since that one is first; else the first proved one.
func primaryAmong(ids []store.Identifier, named string) string {
	if named != "" {
		return ids[0].ID
	}
	return firstProved(ids)
}

func (p *person) givePassword(u *store.User, now time.Time) error {
	if p.digest == "" {
		return nil
	}
	digest, err := importDigest(p.hasher, p.digest)
	if told, is := errors.AsType[*api.Error](err); is {
		p.lost = append(p.lost, "password: "+told.Error())
		return nil
	}
	setPassword(u, digest, now)
	return err
}

// ExportUsers writes all users as CSV in the form of Clerk's Dashboard, with more columns behind, in the order of
// their ids. ImportUsers reads it. Password digests are in it; sessions are not.
func (a *App) ExportUsers(ctx context.Context, w io.Writer, tell func(users int)) (users int, err error) {
	out := csv.NewWriter(w)
	record := make([]string, len(personColumns))
	for i, column := range personColumns {
		record[i] = column.name
	}
	if err := out.Write(record); err != nil {
		return 0, err
	}
	for after := ""; ; {
		page, err := a.accountsAfter(ctx, after)
		if err != nil {
			return users, err
		}
		for _, u := range page {
			for i, column := range personColumns {
				record[i] = guarded(column.show(u))
			}
			if err := out.Write(record); err != nil {
				return users, err
			}
			after = u.ID
		}
		users += len(page)
		tell(len(page))
		if len(page) < movePage {
			out.Flush()
			return users, out.Error()
		}
	}
}

func (a *App) accountsAfter(ctx context.Context, id string) ([]account, error) {
	users, err := a.Store.UsersAfter(ctx, id, movePage)
	if err != nil {
		return nil, err
	}
	ids, at := make([]string, len(users)), make(map[string]int, len(users))
	page := make([]account, len(users))
	for n, u := range users {
		ids[n], at[u.ID], page[n].User = u.ID, n, u
	}
	identifiers, err := a.Store.Identifiers(ctx, ids...)
	for _, i := range identifiers {
		owner := &page[at[i.UserID]]
		owner.ids = append(owner.ids, i)
	}
	return page, err
}

// CountAllUsers is how many users there are.
func (a *App) CountAllUsers(ctx context.Context) (int64, error) {
	return a.Store.CountUsers(ctx, store.UserFilter{})
}
