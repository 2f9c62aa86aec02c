// Package e2e tests lensbus as people run it: the real program, in processes of its own, with real
// signals, real sockets and real footage. It holds tests only. What one package promises is tested
// beside that package.
//
// LENSBUS_TEST_FOOTAGE names a video to publish besides the one that the gocv module ships, and
// LENSBUS_SCREENSHOTS a folder in which pictures of window and page are kept for people to look at.
package e2e
