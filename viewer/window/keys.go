package window

// action is what a key asks for.
type action int

const (
	doNothing action = iota
	doQuit
	doFullScreen
	doSave
	doZoom // on the camera of the number, or back from it
	doAll  // back from zoom
	doHelp
)

const keyEscape = 27

// keyAction says what a key means; number is that of the camera, from 1, for doZoom. Keys are ASCII,
// and what is not, arrows and function keys among them, means nothing.
func keyAction(key int) (do action, number int) {
	switch {
	case key == 'q', key == 'Q', key == keyEscape:
		return doQuit, 0
	case key == 'f', key == 'F':
		return doFullScreen, 0
	case key == 's', key == 'S':
		return doSave, 0
	case key == 'h', key == 'H', key == '?':
		return doHelp, 0
	case key == '0':
		return doAll, 0
	case key >= '1' && key <= '9':
		return doZoom, key - '0'
	}
	return doNothing, 0
}

// keyHelp is what h shows: keys, and what they do.
func keyHelp() [][2]string {
	return [][2]string{
		{"1 … 9", "one camera large, again: back"},
		{"0", "all cameras"},
		{"f", "full screen"},
		{"s", "save what is shown"},
		{"h", "these keys"},
		{"q, Esc", "quit"},
	}
}
