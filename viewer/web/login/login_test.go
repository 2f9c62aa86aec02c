package login

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// clock is a time that the test sets.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }

func (c *clock) pass(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.at = c.at.Add(d) }

func door(t *testing.T, path string) (*Door, *clock) {
	t.Helper()
	d, err := New(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &clock{at: time.Now()}
	d.now, d.looked = c.now, c.at
	return d, c
}

func TestLogin(t *testing.T) {
	path := filepath.Join(t.TempDir(), "people")
	password, err := Add(path, Person{Name: "bob", Cameras: []frame.CameraID{"front", "yard"}, Operator: true}, false)
	if err != nil {
		t.Fatal(err)
	}
	token, err := Add(path, Person{Name: "grafana", All: true}, true)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil || bytes.Contains(data, []byte(password)) || bytes.Contains(data, []byte(token)) {
		t.Errorf("a secret in the file: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	d, c := door(t, path)
	secret, err := d.Login(t.Context(), "192.0.2.1", "bob", password)
	if err != nil {
		t.Fatal(err)
	}
	bob, ok := d.Session(secret)
	if !ok || bob.Name != "bob" || !bob.Operator || !bob.May("front") || bob.May("hall") {
		t.Errorf("%+v, %v", bob, ok)
	}
	if grafana, ok := d.Token(token); !ok || !grafana.May("hall") || grafana.Operator {
		t.Errorf("%+v, %v", grafana, ok)
	}
	for _, wrong := range []string{"", secret, password, "x"} {
		if _, ok := d.Token(wrong); ok {
			t.Errorf("the token %q gets in", wrong)
		}
	}
	if _, ok := d.Session(token); ok {
		t.Error("a token is a session")
	}
	for name, word := range map[string]string{"bob": "", "nobody": password, "grafana": token, "": ""} {
		if _, err := d.Login(t.Context(), "192.0.2.9", name, word); !errors.Is(err, ErrWrong) {
			t.Errorf("%q with another password: %v", name, err)
		}
	}
	c.pass(SessionIdle + time.Second)
	if _, ok := d.Session(secret); ok {
		t.Error("a session that nobody uses holds for ever")
	}
	if secret, err = d.Login(t.Context(), "192.0.2.1", "bob", password); err != nil {
		t.Fatal(err)
	}
	d.Logout(secret)
	if _, ok := d.Session(secret); ok {
		t.Error("a session holds after its end")
	}
}

func TestNewPasswordEndsSessions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "people")
	password, err := Add(path, Person{Name: "bob", All: true}, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Add(path, Person{Name: "eve", All: true}, false); err != nil {
		t.Fatal(err)
	}
	d, c := door(t, path)
	secret, err := d.Login(t.Context(), "192.0.2.1", "bob", password)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Reset(path, "bob")
	if err != nil {
		t.Fatal(err)
	}
	c.pass(2 * rereadEvery)
	if _, ok := d.Session(secret); ok {
		t.Error("the old password's session holds")
	}
	if _, err := d.Login(t.Context(), "192.0.2.1", "bob", password); !errors.Is(err, ErrWrong) {
		t.Errorf("the old password: %v", err)
	}
	if secret, err = d.Login(t.Context(), "192.0.2.1", "bob", again); err != nil {
		t.Fatal(err)
	}
	if err := Remove(path, "bob"); err != nil {
		t.Fatal(err)
	}
	c.pass(2 * rereadEvery)
	if _, ok := d.Session(secret); ok {
		t.Error("a removed person's session holds")
	}
	if people, err := List(path); err != nil || len(people) != 1 || people[0].Name != "eve" {
		t.Errorf("%v, %v", people, err)
	}
	if err := Remove(path, "bob"); !errors.Is(err, ErrPerson) {
		t.Errorf("removed twice: %v", err)
	}
}

// Guessing is slow, also at the same time; the right person elsewhere is not locked out.
func TestGuessing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "people")
	password, err := Add(path, Person{Name: "bob", All: true}, false)
	if err != nil {
		t.Fatal(err)
	}
	d, c := door(t, path)
	var wrong, tooMany int
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			_, err := d.Login(context.Background(), "198.51.100.7", "bob", "guess")
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Is(err, ErrWrong):
				wrong++
			case errors.Is(err, ErrTooMany):
				tooMany++
			default:
				t.Errorf("a guess: %v", err)
			}
		})
	}
	wg.Wait()
	if wrong > freeTries+cap(d.checking) || wrong+tooMany != 40 {
		t.Errorf("%d guesses were looked at, %d not", wrong, tooMany)
	}
	if _, err := d.Login(t.Context(), "198.51.100.7", "bob", password); !errors.Is(err, ErrTooMany) {
		t.Errorf("the right password among guesses: %v", err)
	}
	if _, err := d.Login(t.Context(), "192.0.2.1", "bob", password); err != nil {
		t.Errorf("the right person elsewhere: %v", err)
	}
	c.pass(freeTries * 2 * tryEvery)
	if _, err := d.Login(t.Context(), "198.51.100.7", "bob", password); err != nil {
		t.Errorf("after a while: %v", err)
	}
	c.pass(-time.Hour) // a clock that jumps back opens nothing and closes nothing for good
	if _, err := d.Login(t.Context(), "192.0.2.1", "bob", password); err != nil {
		t.Errorf("after the clock jumped back: %v", err)
	}
}

func TestTriesAreBounded(t *testing.T) {
	var tr tries
	now := time.Now()
	for i := range 3 * mostTries {
		tr.wrong(now, strings.Repeat("x", i%7)+string(rune('a'+i%26))+time.Duration(i).String(), "bob")
	}
	if len(tr.buckets) > mostTries+2 {
		t.Errorf("%d are remembered", len(tr.buckets))
	}
}

func TestWrongFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "people")
	good := "bob viewer " + hashPassword("x") + " front\n"
	for name, text := range map[string]string{
		"words":    "bob viewer\n",
		"role":     "bob king " + hashPassword("x") + " *\n",
		"name":     "../bob viewer " + hashPassword("x") + " *\n",
		"secret":   "bob viewer plain *\n",
		"memory":   "bob viewer $argon2id$v=19$m=4294967295,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA *\n",
		"digest":   "bob viewer sha256:00 *\n",
		"cameras":  "bob viewer " + hashPassword("x") + " a.b\n",
		"twice":    good + good,
		"threads0": "bob viewer $argon2id$v=19$m=64,t=2,p=0$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA *\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := New(path, nil); err == nil || strings.Contains(err.Error(), "argon2id$v") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.WriteFile(path, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	d, err := New(path, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	c := &clock{at: time.Now()}
	d.now, d.looked = c.now, c.at
	if err := os.WriteFile(path, []byte("nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		c.pass(2 * rereadEvery)
		if _, err := d.Login(t.Context(), "192.0.2.1", "bob", "x"); err != nil {
			t.Errorf("with a file that has become wrong: %v", err)
		}
	}
	if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
		t.Errorf("said %d times: %s", n, &log)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := New(path, nil); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file that others read: %v", err)
	}
	if err := os.WriteFile(path, []byte(good), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	if _, err := New(path, nil); err != nil {
		t.Errorf("a file that systemd hands over, with its mode: %v", err)
	}
}

func FuzzParsePeople(f *testing.F) {
	f.Add([]byte("bob viewer " + hashPassword("x") + " front,yard\n# x\neve operator " + tokenMark + fingerprint("x") + " *\n"))
	f.Add([]byte("a b c d"))
	f.Fuzz(func(t *testing.T, data []byte) {
		people, err := parsePeople(data)
		if err != nil {
			return
		}
		again, err := parsePeople(encodePeople(people))
		if err != nil || !slices.EqualFunc(again, people, func(a, b entry) bool {
			return a.Name == b.Name && a.secret == b.secret && a.All == b.All && slices.Equal(a.Cameras, b.Cameras) && a.Operator == b.Operator
		}) {
			t.Errorf("not the same again: %v", err)
		}
	})
}

// Who has a password of his own cannot guess faster by logging in between.
func TestOwnLoginsDoNotMakeGuessingFaster(t *testing.T) {
	path := filepath.Join(t.TempDir(), "people")
	password, err := Add(path, Person{Name: "eve", All: true}, false)
	if err != nil {
		t.Fatal(err)
	}
	d, _ := door(t, path)
	looked := 0
	for i := range 3 * freeTries {
		if i%2 == 1 {
			_, _ = d.Login(t.Context(), "198.51.100.7", "eve", password) // refused too, after a while
			continue
		}
		if _, err := d.Login(t.Context(), "198.51.100.7", "bob", "guess"); errors.Is(err, ErrWrong) {
			looked++
		}
	}
	if looked > freeTries {
		t.Errorf("%d guesses were looked at", looked)
	}
}

func TestPeopleOfSeveralProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "auth", "people")
	var adding sync.WaitGroup
	for i := range 10 {
		adding.Go(func() {
			if _, err := Add(path, Person{Name: fmt.Sprint("p", i), All: true}, true); err != nil {
				t.Error(err)
			}
		})
	}
	adding.Wait()
	if people, err := List(path); err != nil || len(people) != 10 {
		t.Errorf("%d people, %v", len(people), err)
	}
}

// Who logs in again and again ends his own oldest sessions, and nobody else's.
func TestSessionsOfOnePerson(t *testing.T) {
	path := filepath.Join(t.TempDir(), "people")
	password, err := Add(path, Person{Name: "bob", All: true}, false)
	if err != nil {
		t.Fatal(err)
	}
	other, err := Add(path, Person{Name: "eve", All: true}, false)
	if err != nil {
		t.Fatal(err)
	}
	d, c := door(t, path)
	d.SetMostOwn(3)
	eve, err := d.Login(t.Context(), "192.0.2.2", "eve", other)
	if err != nil {
		t.Fatal(err)
	}
	var bobs []string
	for range 3 + 1 {
		c.pass(time.Millisecond)
		secret, err := d.Login(t.Context(), "192.0.2.1", "bob", password)
		if err != nil {
			t.Fatal(err)
		}
		if bobs = append(bobs, secret); len(bobs) == 2 { // the first one is used still, the second is not
			c.pass(time.Millisecond)
			d.Session(bobs[0])
		}
	}
	for i, secret := range bobs {
		if _, ok := d.Session(secret); ok == (i == 1) {
			t.Errorf("session %d: %v", i, ok)
		}
	}
	if _, ok := d.Session(eve); !ok {
		t.Error("somebody else's session has ended")
	}
}

// A session that is used all the time ends too.
func TestSessionsEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "people")
	password, err := Add(path, Person{Name: "bob", All: true}, false)
	if err != nil {
		t.Fatal(err)
	}
	d, c := door(t, path)
	secret, err := d.Login(t.Context(), "192.0.2.1", "bob", password)
	if err != nil {
		t.Fatal(err)
	}
	const step = SessionIdle / 2
	for passed := step; passed <= SessionLimit; passed += step {
		c.pass(step)
		if _, ok := d.Session(secret); !ok {
			t.Fatalf("a session that is used has ended after %s", passed)
		}
	}
	c.pass(time.Second)
	if _, ok := d.Session(secret); ok {
		t.Errorf("a session that is used holds for more than %s", SessionLimit)
	}
	if len(d.sessions) > 0 {
		t.Error("what has ended is kept")
	}
}
