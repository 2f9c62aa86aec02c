package cli

import (
	"fmt"
	"time"

	"github.com/lensbus/lensbus/test/hitch"
)

// endBound is how long the program promises to take to end.
const endBound = 2 * time.Second

// timeEnding begins to time an ending. The function that it returns, to be called once, says what is wrong with how
// long it took: an error, or a note where the machine may have held it up, or neither.
func timeEnding(name string) (ended func() (wrong error, note string)) {
	began, heldUp := time.Now(), hitch.HeldUp()
	return func() (wrong error, note string) {
		took, machine := time.Since(began), heldUp()
		switch {
		case took <= endBound:
			return nil, ""
		case machine:
			return nil, fmt.Sprintf("NOTE: %s took %s to end, the bound is %s, on a machine that did other things", name, took, endBound)
		}
		return fmt.Errorf("%s took %s to end, the bound is %s", name, took, endBound), ""
	}
}
