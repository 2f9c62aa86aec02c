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

// playAction is what a key asks of a replay.
type playAction int

const (
	playNothing playAction = iota
	playPause
	playStep
	playBack
	playAhead
	playFaster
	playSlower
	playLive
)

// playKey says what a key means while something is replayed. Arrows and End have the codes of X11, of
// Windows and of macOS, whichever OpenCV passes on.
func playKey(key int) playAction {
	switch key {
	case ' ':
		return playPause
	case '.':
		return playStep
	case '+', '=':
		return playFaster
	case '-':
		return playSlower
	case 0xFF51, 0x250000, 0xF702, 0xFF96: // the last: on the number pad
		return playBack
	case 0xFF53, 0x270000, 0xF703, 0xFF98:
		return playAhead
	case 0xFF57, 0x230000, 0xF72B, 0xFF9C:
		return playLive
	}
	return playNothing
}

// playHelp is what h shows above keyHelp while something is replayed.
func playHelp() [][2]string {
	return [][2]string{
		{"Space", "pause, play"},
		{"← →", "10 seconds back, ahead"},
		{".", "pause, and one frame further"},
		{"+ -", "faster, slower"},
		{"End", "live"},
	}
}
