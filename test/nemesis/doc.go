// Package nemesis tests what lensbus promises of recordings, with real processes and somebody who
// kills them: every frame whose storage the broker has confirmed is in the recorder's files, once, in
// order and with every byte. It holds tests only. What one package promises is tested beside it.
//
// A short round is one of all tests; `make soak` is the long one. A round prints its seed: with
// NEMESIS_SEED=… the same processes are hit at the same moments again.
package nemesis
