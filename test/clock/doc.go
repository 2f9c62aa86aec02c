// Package clock tests what people see of time with publishers in processes of their own whose clocks
// are wrong by minutes. It holds tests only.
package clock
