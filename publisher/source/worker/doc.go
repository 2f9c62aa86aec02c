// Package worker runs a source in a process of its own, because native code can abort the process
// that it is in, or hang in a call that nothing can interrupt. Here that costs one camera, which its
// publisher opens again like any other that failed.
//
// [Opener] is the parent's side: a [source.Opener] whose source is a child process. [Serve] is the
// child's: its main function. What the two say to each other is in wire.go and private to them: they
// are always the same program.
//
// What is asked for, credentials included, goes to the child through its standard input, never in
// its arguments or environment, which other users can read. The child's pictures come back through
// its standard output, and what native code writes to standard error is scrubbed of the source's
// credentials and logged at debug level.
//
// What does not belong here: which sources there are (Serve is given that), retrying, OpenCV.
package worker
