// Package auth says who may do what on a lensbus: users and their roles, the NATS rights of each
// role, the files that hold keys, and the small certificate authority for a bus of one's own.
//
// It knows subjects and files, and talks to no server: the broker enforces, package bus connects
// with a [Credentials]. Sessions of browsers and their passwords do not belong here; they are the
// page's affair.
package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lensbus/lensbus/frame"
)

// Role is what a user is for. It decides which rights a user has ([User.Rights]).
type Role string

// The roles.
const (
	// Admin may do everything on the bus, storage included.
	Admin Role = "admin"
	// Publisher publishes its cameras and answers for them.
	Publisher Role = "publisher"
	// Viewer watches its cameras, live and recorded, and asks them; it changes nothing.
	Viewer Role = "viewer"
	// Operator is a Viewer that may change its cameras' settings too.
	Operator Role = "operator"
	// Recorder fetches its cameras' stored frames and answers for the recordings.
	Recorder Role = "recorder"
	// Web is a page's server: an Operator of its cameras that serves people of its own.
	Web Role = "web"
	// Site is the broker of another place, connected as a leaf node: what its cameras publish comes
	// here, and here its streams are read. Its name is that of its JetStream domain.
	Site Role = "site"
)

// Roles are all roles.
func Roles() []Role { return []Role{Admin, Publisher, Viewer, Operator, Recorder, Web, Site} }

// ErrName is wrapped by the error for a name that no user can have.
var ErrName = errors.New("bad user name")

// User is one who may connect. A broker knows users by their public keys; no secret is in it.
type User struct {
	// Name is unique and a [frame.ValidName], because it becomes a subject token and a file.
	Name string
	Role Role
	// Key is the public nkey, U….
	Key string
	// Cameras are those that the role's rights are for; All of them where All is true.
	Cameras []frame.CameraID
	All     bool
	// Durable is the name of a Recorder's consumer, which the rights are for: what another recorder has
	// acknowledged is no affair of it. Default [DefaultDurable]; none for other roles.
	Durable string
}

// DefaultDurable is the name of a recorder's consumer.
const DefaultDurable = "rec"

// DurableName is the name of the consumers that the user is for, the default included.
func (u User) DurableName() string {
	if u.Durable == "" {
		return DefaultDurable
	}
	return u.Durable
}

// Validate returns everything that is wrong with u, joined.
func (u User) Validate() error {
	var faults []error
	if !frame.ValidName(u.Name) {
		faults = append(faults, fmt.Errorf("%w %.40q: %s", ErrName, u.Name, frame.NameRule))
	}
	if !slices.Contains(Roles(), u.Role) {
		faults = append(faults, fmt.Errorf("user %.40q: no role %.40q: want one of %s", u.Name, u.Role, join(Roles())))
	}
	for _, id := range u.Cameras {
		if _, err := frame.ParseCameraID(string(id)); err != nil {
			faults = append(faults, fmt.Errorf("user %.40q: %w", u.Name, err))
		}
	}
	switch {
	case u.Role == Admin:
	case u.Role == Site && len(u.Cameras) > MostSiteCameras:
		faults = append(faults, fmt.Errorf("user %.40q: %d cameras: a site has at most %d", u.Name, len(u.Cameras), MostSiteCameras))
	case u.Role == Site && u.All:
		faults = append(faults, fmt.Errorf("user %.40q: a site's cameras are named: it must not publish others'", u.Name))
	case u.All && len(u.Cameras) > 0:
		faults = append(faults, fmt.Errorf("user %.40q: all cameras and a list of them: want one", u.Name))
	case !u.All && len(u.Cameras) == 0:
		faults = append(faults, fmt.Errorf("user %.40q: a %s needs cameras", u.Name, u.Role))
	}
	if u.Durable != "" {
		if u.Role != Recorder {
			faults = append(faults, fmt.Errorf("user %.40q: a %s has no consumer of its own: durable is for a recorder", u.Name, u.Role))
		}
		if !frame.ValidName(u.Durable) {
			faults = append(faults, fmt.Errorf("user %.40q: durable %.40q: %s", u.Name, u.Durable, frame.NameRule))
		}
	}
	if !publicUserKey(u.Key) {
		faults = append(faults, fmt.Errorf("user %.40q: %.20q is no public user key (U…)", u.Name, u.Key))
	}
	return errors.Join(faults...)
}

// Inbox is the beginning of the user's own inbox subjects. Nobody else may listen there: what is
// answered to one user is not read by another.
func (u User) Inbox() string { return inboxOf(u.Name) }

func inboxOf(name string) string { return "_INBOX." + name }

// ConnectionTypes are the ways in which the user may connect, by NATS's names: a [Site] as a leaf node,
// which sees more of what others ask for than a client does, and nobody else so.
func (u User) ConnectionTypes() []string {
	if u.Role == Site {
		return []string{"LEAFNODE"}
	}
	return []string{"STANDARD", "WEBSOCKET"}
}

// tokens are the subject tokens of the user's cameras: '*' for all.
func (u User) tokens() []string {
	if u.All {
		return []string{"*"}
	}
	ids := make([]string, len(u.Cameras))
	for i, id := range u.Cameras {
		ids[i] = string(id)
	}
	return ids
}

// CameraList is for people, and for the users file: ids with commas between, * for all, - for a role
// that has none of its own.
func (u User) CameraList() string {
	switch {
	case u.All:
		return "*"
	case len(u.Cameras) == 0:
		return "-"
	}
	return strings.ReplaceAll(join(u.Cameras), " ", "")
}

func join[S ~string](all []S) string {
	texts := make([]string, len(all))
	for i, s := range all {
		texts[i] = string(s)
	}
	return strings.Join(texts, ", ")
}
