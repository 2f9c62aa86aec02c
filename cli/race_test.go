//go:build race

package cli

// raceDetector says whether these tests are built with the race detector, under which every process of a
// script takes a second to begin.
const raceDetector = true
