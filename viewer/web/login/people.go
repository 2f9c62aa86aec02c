package login

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/frame"
)

// A people file has a line each: name, role (viewer or operator), secret, cameras (ids with commas
// between, or * for all), with spaces between. The secret is an argon2id hash of a password, or
// sha256:HEX of a token. Empty lines and those that begin with # are for people.

const (
	roleViewer   = "viewer"
	roleOperator = "operator"
	tokenMark    = "sha256:"
	mostPeople   = 10_000
)

// entry is one line.
type entry struct {
	Person
	secret string
}

func parsePeople(data []byte) ([]entry, error) {
	var people []entry
	var faults []error
	seen := make(map[string]int)
	number := 0
	for line := range bytes.Lines(data) {
		number++
		fields := strings.Fields(string(line))
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		e, err := parseEntry(fields)
		if err == nil && seen[e.Name] > 0 {
			err = fmt.Errorf("%s is in line %d already", e.Name, seen[e.Name])
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("line %d: %w", number, err))
			continue
		}
		seen[e.Name] = number
		if people = append(people, e); len(people) > mostPeople {
			return nil, fmt.Errorf("more than %d people", mostPeople)
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return people, nil
}

// parseEntry never quotes the secret.
func parseEntry(fields []string) (entry, error) {
	if len(fields) != 4 {
		return entry{}, fmt.Errorf("%d words: want name, role, secret and cameras", len(fields))
	}
	e := entry{Person: Person{Name: fields[0], Operator: fields[1] == roleOperator}, secret: fields[2]}
	if err := checkName(e.Name); err != nil {
		return entry{}, err
	}
	if fields[1] != roleViewer && fields[1] != roleOperator {
		return entry{}, fmt.Errorf("%s: no role %.40q: want viewer or operator", e.Name, fields[1])
	}
	if digest, isToken := strings.CutPrefix(e.secret, tokenMark); isToken {
		if len(digest) != len(fingerprint("")) {
			return entry{}, fmt.Errorf("%s: the token's digest is none", e.Name)
		}
	} else if _, err := parseHash(e.secret); err != nil {
		return entry{}, fmt.Errorf("%s: the secret is %w", e.Name, err)
	}
	var err error
	e.Cameras, e.All, err = parseCameras(fields[3])
	return e, err
}

func parseCameras(text string) ([]frame.CameraID, bool, error) {
	if text == "*" {
		return nil, true, nil
	}
	var ids []frame.CameraID
	for word := range strings.SplitSeq(text, ",") {
		id, err := frame.ParseCameraID(word)
		if err != nil {
			return nil, false, err
		}
		ids = append(ids, id)
	}
	return ids, false, nil
}

func checkName(name string) error {
	if !frame.ValidName(name) {
		return fmt.Errorf("bad name %.40q: %s", name, frame.NameRule)
	}
	return nil
}

func encodePeople(people []entry) []byte {
	var b bytes.Buffer
	b.WriteString("# Who may use the page: name, role, secret (hashed), cameras. `lensbus auth page` writes this file; the\n# page reads it again when it changes.\n")
	for _, e := range people {
		role, cameras := roleViewer, "*"
		if e.Operator {
			role = roleOperator
		}
		if !e.All {
			words := make([]string, len(e.Cameras))
			for i, id := range e.Cameras {
				words[i] = string(id)
			}
			cameras = strings.Join(words, ",")
		}
		fmt.Fprintf(&b, "%s %s %s %s\n", e.Name, role, e.secret, cameras)
	}
	return b.Bytes()
}

// readPeople reads a people file; no file is nobody. One that others than its owner can write, or read,
// is refused.
func readPeople(path string) ([]entry, []byte, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("people: %w", err)
	}
	if info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 && !auth.SecretsMount(path) {
		return nil, nil, fmt.Errorf("people: others can use %s (mode %04o): chmod 600 it", path, info.Mode().Perm())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("people: %w", err)
	}
	people, err := parsePeople(data)
	if err != nil {
		return nil, nil, fmt.Errorf("people file %s: %w", path, err)
	}
	return people, data, nil
}

// Add writes a person with a new password, or a program with a new token, into the people file and
// returns the secret, which is kept nowhere.
func Add(path string, p Person, token bool) (secret string, err error) {
	if err := checkName(p.Name); err != nil {
		return "", err
	}
	if !p.All && len(p.Cameras) == 0 {
		return "", fmt.Errorf("%s: which cameras?", p.Name)
	}
	err = change(path, func(people []entry) ([]entry, error) {
		if slices.ContainsFunc(people, func(e entry) bool { return e.Name == p.Name }) {
			return nil, fmt.Errorf("%w %s is there already", ErrPerson, p.Name)
		}
		var hashed string
		secret, hashed = makeSecret(token)
		return append(people, entry{p, hashed}), nil
	})
	return secret, err
}

// Reset gives a person a new password, or a program a new token, and ends its sessions.
func Reset(path, name string) (secret string, err error) {
	err = change(path, func(people []entry) ([]entry, error) {
		at := slices.IndexFunc(people, func(e entry) bool { return e.Name == name })
		if at < 0 {
			return nil, fmt.Errorf("no %w %.40s", ErrPerson, name)
		}
		secret, people[at].secret = makeSecret(strings.HasPrefix(people[at].secret, tokenMark))
		return people, nil
	})
	return secret, err
}

// Remove takes a person away and ends its sessions.
func Remove(path, name string) error {
	return change(path, func(people []entry) ([]entry, error) {
		left := slices.DeleteFunc(slices.Clone(people), func(e entry) bool { return e.Name == name })
		if len(left) == len(people) {
			return nil, fmt.Errorf("no %w %.40s", ErrPerson, name)
		}
		return left, nil
	})
}

// List returns who is in the people file.
func List(path string) ([]Person, error) {
	people, _, err := readPeople(path)
	if err != nil {
		return nil, err
	}
	persons := make([]Person, len(people))
	for i, e := range people {
		persons[i] = e.Person
	}
	return persons, nil
}

func makeSecret(token bool) (secret, hashed string) {
	secret = newSecret()
	if token {
		return secret, tokenMark + fingerprint(secret)
	}
	secret = secret[:20] // 100 bits, and the cost of argon2: easier to type
	return secret, hashPassword(secret)
}

func writePeople(path string, people []entry) error {
	return auth.WriteFile(path, encodePeople(people), 0o600)
}

// change runs do while nobody else changes the people file.
func change(path string, do func(people []entry) ([]entry, error)) error {
	return auth.Change(filepath.Dir(path), func() error {
		people, _, err := readPeople(path)
		if err != nil {
			return err
		}
		if people, err = do(people); err != nil {
			return err
		}
		return writePeople(path, people)
	})
}
