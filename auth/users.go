package auth

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/lensbus/lensbus/frame"
)

// A users file has a line a user: name, role, public key, cameras (ids with commas between, * for
// all, - for none), with spaces between, and durable=NAME after them for a recorder whose consumer is not
// the default one. Empty lines and those that begin with # are for people. No secret is in it.

// mostUsers is more than a bus of one broker has.
const mostUsers = 10_000

// ParseUsers reads a users file's content. Its error names the line of everything that is wrong.
func ParseUsers(data []byte) ([]User, error) {
	var users []User
	var faults []error
	lines := make(map[string]int) // of names and of keys
	number := 0
	for line := range bytes.Lines(data) {
		number++
		fields := strings.Fields(string(line))
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		durable, named := "", false
		if len(fields) == 5 {
			durable, named = strings.CutPrefix(fields[4], "durable=")
		}
		if len(fields) != 4 && (!named || durable == "") {
			faults = append(faults, fmt.Errorf("line %d: %d words: want name, role, key and cameras, and for a recorder perhaps durable=NAME", number, len(fields)))
			continue
		}
		u := User{Name: fields[0], Role: Role(fields[1]), Key: fields[2], Durable: durable}
		switch fields[3] {
		case "*":
			u.All = true
		case "-":
		default:
			for id := range strings.SplitSeq(fields[3], ",") {
				u.Cameras = append(u.Cameras, frame.CameraID(id))
			}
		}
		if err := u.Validate(); err != nil {
			faults = append(faults, fmt.Errorf("line %d: %w", number, err))
			continue
		}
		for _, unique := range []string{u.Name, u.Key} {
			if before, taken := lines[unique]; taken {
				faults = append(faults, fmt.Errorf("line %d: %.40s is in line %d already", number, unique, before))
			}
			lines[unique] = number
		}
		if users = append(users, u); len(users) > mostUsers {
			return nil, fmt.Errorf("more than %d users", mostUsers)
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return users, nil
}

// EncodeUsers returns the content of a users file.
func EncodeUsers(users []User) []byte {
	var b bytes.Buffer
	b.WriteString("# Who may connect to the broker: name, role, public key, cameras. `lensbus auth` writes this file;\n# the broker reads it again when it changes. There is no secret in it.\n")
	for _, u := range users {
		fmt.Fprintf(&b, "%s %s %s %s", u.Name, u.Role, u.Key, u.CameraList())
		if u.Durable != "" {
			fmt.Fprintf(&b, " durable=%s", u.Durable)
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// ReadUsers reads a users file. One that others than its owner can write is refused.
func ReadUsers(path string) ([]User, error) {
	data, err := ReadUsersFile(path)
	if err != nil {
		return nil, err
	}
	users, err := ParseUsers(data)
	if err != nil {
		return nil, fmt.Errorf("users file %s: %w", path, err)
	}
	return users, nil
}

// ReadUsersFile returns the content of a users file, for [ParseUsers]. One that others than its owner can
// write is refused.
func ReadUsersFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("users: %w", err)
	}
	defer file.Close()
	info, err := file.Stat() // of what is read, not of what has the name by then
	if err != nil {
		return nil, fmt.Errorf("users: %w", err)
	}
	if info.Mode().IsRegular() && info.Mode().Perm()&0o022 != 0 {
		return nil, fmt.Errorf("users: others can write %s (mode %04o): chmod 644 it, and look at who is in it", path, info.Mode().Perm())
	}
	data, err := io.ReadAll(file)
	if err != nil {
		return nil, fmt.Errorf("users: %w", err)
	}
	return data, nil
}

// find returns where the user of that name is, -1 for nowhere.
func find(users []User, name string) int {
	return slices.IndexFunc(users, func(u User) bool { return u.Name == name })
}

// Durables returns the names of the consumers that recorders among the users have of a camera, sorted.
func Durables(users []User, id frame.CameraID) []string {
	var names []string
	for _, u := range users {
		if u.Role == Recorder && (u.All || slices.Contains(u.Cameras, id)) {
			names = append(names, u.DurableName())
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
