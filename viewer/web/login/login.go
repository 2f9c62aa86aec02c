// Package login knows the people and programs that may use a page, their passwords, tokens and
// sessions. A page without people has no use for it.
//
// What a request is for, cookies and HTTP do not belong here, and neither do the users of the
// broker: the page is one of those, for all who come through it.
package login

import (
	"errors"
	"slices"

	"github.com/lensbus/lensbus/frame"
)

// Errors that callers decide on.
var (
	// ErrWrong: no such person, or another password. Which one is not told.
	ErrWrong = errors.New("wrong name or password")
	// ErrTooMany: too many wrong tries from there or for that name; later again.
	ErrTooMany = errors.New("too many tries: wait a while")
	// ErrPerson is wrapped by the errors for a person that is not there, or is there already.
	ErrPerson = errors.New("person")
)

// Person is who has logged in, or a program with a token.
type Person struct {
	Name string
	// Cameras are those that this person may see; all of them where All is true.
	Cameras []frame.CameraID
	All     bool
	// Operator may change cameras' settings too.
	Operator bool
}

// May says whether the person may see the camera.
func (p Person) May(id frame.CameraID) bool { return p.All || slices.Contains(p.Cameras, id) }
