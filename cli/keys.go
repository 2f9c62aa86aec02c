package cli

// key is one that top knows.
type key int

const (
	keyNone key = iota
	keyQuit
	keySort
	keyReverse
	keyUp
	keyDown
	keyPageUp
	keyPageDown
	keyHome
	keyEnd
)

// keyDecoder makes keys of what a terminal sends. A sequence may come in pieces. Its zero value is
// ready.
type keyDecoder struct {
	sequence []byte // of an escape sequence that has begun
}

// longestSequence is longer than that of any key; what goes on for longer is none.
const longestSequence = 16

func (d *keyDecoder) decode(data []byte) []key {
	var keys []key
	add := func(k key) {
		if k != keyNone {
			keys = append(keys, k)
		}
	}
	for _, b := range data {
		if len(d.sequence) == 0 {
			if b == 0x1b {
				d.sequence = append(d.sequence, b)
				continue
			}
			add(plainKey(b))
			continue
		}
		if len(d.sequence) == 1 && b != '[' && b != 'O' { // the Escape key, and then another
			d.sequence = d.sequence[:0]
			if b == 0x1b {
				d.sequence = append(d.sequence, b)
			} else {
				add(plainKey(b))
			}
			continue
		}
		d.sequence = append(d.sequence, b)
		if len(d.sequence) > 2 && b >= 0x40 && b <= 0x7e {
			add(sequenceKey(string(d.sequence[2:])))
			d.sequence = d.sequence[:0]
		} else if len(d.sequence) > longestSequence {
			d.sequence = d.sequence[:0]
		}
	}
	return keys
}

func plainKey(b byte) key {
	switch b {
	case 'q', 'Q':
		return keyQuit
	case 's':
		return keySort
	case 'r', 'S':
		return keyReverse
	case 'k':
		return keyUp
	case 'j':
		return keyDown
	case ' ':
		return keyPageDown
	case 'g':
		return keyHome
	case 'G':
		return keyEnd
	}
	return keyNone
}

// sequenceKey is the key of what follows the two bytes that begin a sequence.
func sequenceKey(rest string) key {
	switch rest {
	case "A":
		return keyUp
	case "B":
		return keyDown
	case "5~":
		return keyPageUp
	case "6~":
		return keyPageDown
	case "H", "1~", "7~":
		return keyHome
	case "F", "4~", "8~":
		return keyEnd
	}
	return keyNone
}
