// Package cluster tests lensbus on several NATS servers: a cluster of three, and a broker that is a leaf
// node of another. The servers are processes with the configuration files that configs/scale has for
// copying, so that one can be killed and frozen. It holds tests only.
//
// Each server has an address of its own in 127.0.0.0/8, which Linux alone has without being asked. A short
// round is one of all tests; `make test-cluster` is the long one, and prints figures.
package cluster
