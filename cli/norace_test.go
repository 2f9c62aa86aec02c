//go:build !race

package cli

// raceDetector: see race_test.go.
const raceDetector = false
