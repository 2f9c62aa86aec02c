//go:build race

package main

// raceDetector says whether this program was built with it.
const raceDetector = true
