// Package hosts tests lensbus on several hosts: network namespaces on one machine, each with a link of
// its own that can be cut in either direction or made thin, and real processes on them, with users and
// TLS. It holds tests only, behind the build tag hosts, and needs root: the script run makes all that
// they need and starts them, as `make test-hosts` does.
//
// Every picture says which one it is, when it was shown and what its checksum is, so that what viewers
// saw and what is recorded can be compared with what the cameras showed.
package hosts
