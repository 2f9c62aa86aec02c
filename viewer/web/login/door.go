package login

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
)

// How long a session holds, and how many there may be.
const (
	SessionIdle  = 12 * time.Hour     // after its last use
	SessionLimit = 7 * 24 * time.Hour // in any case
	MostSessions = 10_000
	// DefaultOwn is how many one person may have, unless [Door.SetMostOwn] says otherwise.
	DefaultOwn = 32
)

// rereadEvery is how often the people file is looked at.
const rereadEvery = time.Second

// Door lets people in. It keeps sessions in memory: a page that starts again asks everybody again.
// Its methods may be used from any goroutine; there is nothing to close.
type Door struct {
	path string
	log  *slog.Logger
	now  func() time.Time
	// checking bounds how many passwords are hashed at a time: each takes 19 MiB.
	checking chan struct{}
	tries    tries

	mu       sync.Mutex
	people   []entry
	data     []byte
	looked   time.Time
	said     string
	sessions map[string]*session // by fingerprint
	mostOwn  int                 // of one person: who logs in without end ends his own sessions and nobody else's
}

type session struct {
	name, secret string // of the entry: a new password ends it
	begun, used  time.Time
}

// New returns a door for the people of the file at path, which is read again when it changes; a wrong
// one is logged and changes nothing. Its error is a wrong file at the start. No file is nobody.
func New(path string, log *slog.Logger) (*Door, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	d := &Door{path: path, log: log, now: time.Now, checking: make(chan struct{}, 2), sessions: make(map[string]*session), mostOwn: DefaultOwn}
	var err error
	d.people, d.data, err = readPeople(path)
	d.looked = d.now()
	return d, err
}

// SetMostOwn bounds how many sessions one person may have, 1 or more: the next one ends the one that was not
// used for longest.
func (d *Door) SetMostOwn(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mostOwn = n
}

// Login returns the secret of a new session. from is where the request comes from, an IP address.
// Its errors are [ErrWrong], [ErrTooMany] and ctx's.
func (d *Door) Login(ctx context.Context, from, name, password string) (secret string, err error) {
	if checkName(name) != nil {
		name = "" // nobody's; what is remembered of wrong tries is bounded so
	}
	if !d.tries.may(d.now(), from, name) {
		return "", ErrTooMany
	}
	select {
	case d.checking <- struct{}{}:
		defer func() { <-d.checking }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	now := d.now()
	if !d.tries.may(now, from, name) { // those that waited here with it may have been wrong
		return "", ErrTooMany
	}
	e, found := d.entry(name)
	h, err := parseHash(e.secret)
	if !found || err != nil { // a token is no password; what is checked instead takes as long
		h = hash{argonMemory, argonTime, argonThreads, make([]byte, argonSalt), make([]byte, argonKey)}
		found = false
	}
	if right := h.is(password); !right || !found {
		d.tries.wrong(now, from, name)
		return "", ErrWrong
	}
	secret = newSecret()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sweep(now)
	d.makeRoom(name)
	if len(d.sessions) >= MostSessions {
		return "", ErrTooMany
	}
	d.sessions[fingerprint(secret)] = &session{name: name, secret: e.secret, begun: now, used: now}
	return secret, nil
}

// Session returns whose session the secret is of.
func (d *Door) Session(secret string) (Person, bool) {
	if secret == "" {
		return Person{}, false
	}
	now, print := d.now(), fingerprint(secret)
	d.mu.Lock()
	s, ok := d.sessions[print]
	if ok && s.over(now) {
		delete(d.sessions, print)
		ok = false
	}
	if !ok {
		d.mu.Unlock()
		return Person{}, false
	}
	s.used = now
	held := *s
	d.mu.Unlock()
	e, found := d.entry(held.name)
	return e.Person, found && e.secret == held.secret
}

// Token returns whose bearer token it is.
func (d *Door) Token(token string) (Person, bool) {
	if token == "" {
		return Person{}, false
	}
	mark := tokenMark + fingerprint(token)
	d.reread()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.people {
		if e.secret == mark { // of two digests: how long this takes tells nothing of the token
			return e.Person, true
		}
	}
	return Person{}, false
}

// Logout ends a session. An unknown one is no error.
func (d *Door) Logout(secret string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.sessions, fingerprint(secret))
}

func (s *session) over(now time.Time) bool {
	return now.Sub(s.used) > SessionIdle || now.Sub(s.begun) > SessionLimit
}

// sweep is called with mu held.
func (d *Door) sweep(now time.Time) {
	for print, s := range d.sessions {
		if s.over(now) {
			delete(d.sessions, print)
		}
	}
}

// makeRoom ends the session of a person who has as many as one may have that was not used for longest. It
// is called with mu held.
func (d *Door) makeRoom(name string) {
	own, oldest := 0, ""
	for print, s := range d.sessions {
		if s.name != name {
			continue
		}
		if own++; oldest == "" || s.used.Before(d.sessions[oldest].used) {
			oldest = print
		}
	}
	if own >= d.mostOwn {
		delete(d.sessions, oldest)
	}
}

func (d *Door) entry(name string) (entry, bool) {
	d.reread()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.people {
		if e.Name == name {
			return e, true
		}
	}
	return entry{}, false
}

// reread looks at the people file, at most once in rereadEvery.
func (d *Door) reread() {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	if passed := now.Sub(d.looked); passed >= 0 && passed < rereadEvery {
		return
	}
	d.looked = now
	if data, err := os.ReadFile(d.path); err == nil && bytes.Equal(data, d.data) {
		return
	}
	people, data, err := readPeople(d.path)
	if err != nil {
		if text := err.Error(); text != d.said {
			d.said = text
			d.log.Error("who may use the page: the file is wrong, what was before still holds", "error", strings.ReplaceAll(text, "\n", "; "))
		}
		return
	}
	d.people, d.data, d.said = people, data, ""
}
