package cli

import (
	"fmt"
	"time"

	"github.com/lensbus/lensbus/test/hitch"
)

// endBound is how long the program promises to take to end.
const endBound = 2 * time.Second

// timeEnding begins to time an ending. The function that it returns, to be called once, says what is wrong with how
// long it took: a note where the machine may have held it up, else an error, or neither.
func timeEnding(name string) (ended func() (note string, wrong error)) {
	began, heldUp := time.Now(), hitch.HeldUp()
	return func() (note string, wrong error) {
		took, machine := time.Since(began), heldUp()
		switch {
		case took <= endBound:
			return "", nil
		case machine:
			return fmt.Sprintf("NOTE: %s took %s to end, the bound is %s, on a machine that did other things", name, took, endBound), nil
		}
		return "", fmt.Errorf("%s took %s to end, the bound is %s", name, took, endBound)
	}
}
