package bus

import (
	"strconv"

	"github.com/nats-io/nats.go"
)

// asking is what has been asked for and has not come.
type asking struct {
	open            map[string]bool // requests, by their reply subjects
	messages, bytes int
}

// room says whether to ask for more, so many bytes. Two requests overlap, so that the server need not
// wait for the next one; it deals messages out to both.
func (a *asking) room(bytes int, overlap bool) bool {
	if a.messages <= 0 || a.bytes <= 0 { // a request that is fulfilled ends without a word
		clear(a.open)
		a.messages, a.bytes = 0, 0
	}
	return len(a.open) == 0 || overlap && len(a.open) == 1 && a.bytes <= bytes
}

func (a *asking) add(reply string, messages, bytes int) {
	a.open[reply] = true
	a.messages += messages
	a.bytes += bytes
}

// end notes that a request has ended before it was fulfilled, and returns how many bytes of it had
// not come.
func (a *asking) end(m *nats.Msg) (bytes int) {
	delete(a.open, m.Subject)
	messages, _ := strconv.Atoi(m.Header.Get("Nats-Pending-Messages"))
	bytes, _ = strconv.Atoi(m.Header.Get("Nats-Pending-Bytes"))
	a.messages -= messages
	a.bytes -= bytes
	return bytes
}
