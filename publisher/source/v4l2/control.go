package v4l2

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lensbus/lensbus/frame"
)

// What frame.Control says in Type and Inactive.
const (
	typeInt    = "int"
	typeBool   = "bool"
	typeMenu   = "menu"
	typeButton = "button"

	readOnly = "read-only"
	inactive = "inactive"
	busy     = "busy"
)

// controlName makes of a driver's name for people, such as "White Balance, Automatic", the one that
// v4l2-ctl has: white_balance_automatic.
func controlName(label string) string {
	var name strings.Builder
	gap := false
	for _, c := range []byte(label) {
		switch {
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		default:
			gap = name.Len() > 0
			continue
		}
		if gap {
			name.WriteByte('_')
			gap = false
		}
		name.WriteByte(c)
	}
	return name.String()
}

// checkValue says whether a control takes a value at all, and if not what it takes.
func checkValue(c frame.Control, value int64) error {
	var want string
	switch {
	case c.Type == typeButton:
		if value == 1 {
			return nil
		}
		want = "1, which presses it"
	case c.Type == typeBool:
		if value == 0 || value == 1 {
			return nil
		}
		want = "0 or 1"
	case c.Type == typeMenu && len(c.Menu) > 0:
		if _, ok := c.Menu[value]; ok {
			return nil
		}
		want = choices(c.Menu)
	case value < c.Min || value > c.Max:
		want = fmt.Sprintf("%d to %d", c.Min, c.Max)
		if c.Step > 1 {
			want += fmt.Sprintf(" in steps of %d", c.Step)
		}
	default:
		over := uint64(value) - uint64(c.Min) // right even where the difference is no int64
		if c.Step <= 1 || over%uint64(c.Step) == 0 {
			return nil
		}
		low := value - int64(over%uint64(c.Step))
		want = fmt.Sprintf("%d to %d in steps of %d", c.Min, c.Max, c.Step)
		if c.Max-c.Step >= low {
			want += fmt.Sprintf(", such as %d or %d", low, low+c.Step)
		}
	}
	return refusal(fmt.Sprintf("%s %d: want %s", c.Name, value, want))
}

// choices lists a menu: "1 (Manual Mode) or 3 (Aperture Priority Mode)".
func choices(menu map[int64]string) string {
	const most = 30
	var all []string
	for _, value := range slices.Sorted(maps.Keys(menu)) {
		if len(all) == most {
			all = append(all, fmt.Sprintf("one of %d more", len(menu)-most))
			break
		}
		all = append(all, fmt.Sprintf("%d (%s)", value, menu[value]))
	}
	last := len(all) - 1
	if last == 0 {
		return all[0]
	}
	return strings.Join(all[:last], ", ") + " or " + all[last]
}

// checkFree says whether a control can be set now, and if not why. all are the device's controls.
func checkFree(c frame.Control, value int64, all []frame.Control) error {
	why := ""
	switch c.Inactive {
	case "":
		return nil
	case readOnly:
		why = "can only be read"
	case busy:
		why = "cannot be changed while the camera is in use"
	default:
		why = "has no effect now"
		if rulers := rulers(c, all); len(rulers) > 0 {
			why += ", because of " + strings.Join(rulers, " or ")
		}
	}
	return refusal(fmt.Sprintf("%s %d: %s %s", c.Name, value, c.Name, why))
}

// rulers are the controls that an inactive one is likely to be inactive for: switches for something
// automatic whose name shares a word with its own.
func rulers(c frame.Control, all []frame.Control) []string {
	words := strings.Split(c.Name, "_")
	var found []string
	for _, other := range all {
		if other.Name == c.Name || other.Type != typeBool && other.Type != typeMenu || !strings.Contains(other.Name, "auto") {
			continue
		}
		if slices.ContainsFunc(strings.Split(other.Name, "_"), func(word string) bool { return slices.Contains(words, word) }) {
			found = append(found, fmt.Sprintf("%s=%d", other.Name, other.Value))
		}
	}
	return found
}

// unknown is the refusal of a name that the device does not have.
func unknown(name string, all []frame.Control) error {
	const most = 40
	if len(name) > 64 {
		name = name[:64]
	}
	var names []string
	for _, c := range all {
		if len(names) == most {
			names = append(names, "…")
			break
		}
		names = append(names, c.Name)
	}
	if len(names) == 0 {
		return refusal(fmt.Sprintf("no control %q: this camera has none", name))
	}
	return refusal(fmt.Sprintf("no control %q: this camera has %s", name, strings.Join(names, ", ")))
}

// inOrder sorts names of controls such that what turns others on or off comes before them: switches
// and menus, then numbers, then buttons, which nothing can undo.
func inOrder(values map[string]int64, kind func(name string) string) []string {
	rank := func(name string) int {
		switch kind(name) {
		case typeBool, typeMenu:
			return 0
		case typeButton:
			return 2
		}
		return 1
	}
	return slices.SortedFunc(maps.Keys(values), func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b))
	})
}
