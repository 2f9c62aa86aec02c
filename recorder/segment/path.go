package segment

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// State says how far a segment's file has come; the end of its name tells.
type State string

// The states of a segment's file.
const (
	StateWhole   State = ".mp4"         // closed: it does not change any more
	StatePart    State = ".mp4.part"    // being written, or left by a recorder that did not get to close it
	StateDamaged State = ".mp4.damaged" // was .part, and had nothing in it that could be saved
	StateStuck   State = ".mp4.stuck"   // was .part, and the disk did not let it be closed; Salvage may yet
)

// open says whether the end of the file need not be whole.
func (s State) open() bool { return s == StatePart || s == StateStuck }

// Name is what the path of a segment's file says:
//
//	<camera>/2026/11/22/20261122T101500.123456789Z.mp4
type Name struct {
	Camera frame.CameraID
	// Start is the capture time of the first frame.
	Start time.Time
	// Copy is 0, or from 2 for a further file of the same start (a publisher's clock may stand still).
	Copy  int
	State State
}

// Path returns the path of a closed segment relative to the recorder's folder, with '/'.
func Path(id frame.CameraID, start time.Time) string {
	return Name{Camera: id, Start: start, State: StateWhole}.Path()
}

const (
	dayLayout  = "2006/01/02"
	nameLayout = "20060102T150405.000000000Z"
)

// Path returns the path that n describes, relative to the recorder's folder, with '/'. The camera's
// id is one of [frame.ParseCameraID].
func (n Name) Path() string {
	start := n.Start.UTC()
	file := start.Format(nameLayout)
	if n.Copy > 0 {
		file += "-" + strconv.Itoa(n.Copy)
	}
	return path.Join(string(n.Camera), start.Format(dayLayout), file+string(n.State))
}

var pathPattern = regexp.MustCompile(`^([^/]+)/[0-9]{4}/[0-9]{2}/[0-9]{2}/([0-9]{8}T[0-9]{6}\.[0-9]{9}Z)(?:-([1-9][0-9]{0,3}))?(\.mp4(?:\.part|\.damaged|\.stuck)?)$`)

// ParsePath reads a path relative to the recorder's folder. It takes only what [Name.Path] makes, so
// that a path that it takes cannot lead anywhere else.
func ParsePath(p string) (Name, error) {
	m := pathPattern.FindStringSubmatch(p)
	if m == nil {
		return Name{}, fmt.Errorf("%.200q is no path of a segment", p)
	}
	id, err := frame.ParseCameraID(m[1])
	if err != nil {
		return Name{}, fmt.Errorf("%.200q is no path of a segment: %w", p, err)
	}
	start, err := time.Parse(nameLayout, m[2])
	if err != nil {
		return Name{}, fmt.Errorf("%.200q is no path of a segment: %w", p, err)
	}
	if y := start.Year(); y < 1970 || y > 2262 {
		return Name{}, fmt.Errorf("%.200q is no path of a segment: the year is out of range", p)
	}
	n := Name{Camera: id, Start: start, State: State(m[4])}
	if m[3] != "" {
		n.Copy, _ = strconv.Atoi(m[3]) // four digits at most
	}
	if n.Path() != p {
		return Name{}, fmt.Errorf("%.200q is no path of a segment: it would be %s", p, n.Path())
	}
	return n, nil
}

// with returns n in another state.
func (n Name) with(s State) Name {
	n.State = s
	return n
}
