//go:build race

package cluster

// raceDetector says whether this program was built with it.
const raceDetector = true
