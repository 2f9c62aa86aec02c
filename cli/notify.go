package cli

import (
	"net"
	"os"
	"strconv"
	"sync"
	"time"
)

// notifier tells systemd how a service with Type=notify is. Where systemd has not asked, and where it
// no longer listens, it does nothing: a service does not depend on being watched.
type notifier struct {
	conn  net.Conn // nil: nobody asked
	alive <-chan time.Time
	stop  func()
	once  sync.Once
}

// newNotifier takes systemd's variables out of the environment, so that no process that is started
// from here speaks for this one. Close it.
func newNotifier() *notifier {
	n := &notifier{stop: func() {}}
	socket, every, pid := os.Getenv("NOTIFY_SOCKET"), os.Getenv("WATCHDOG_USEC"), os.Getenv("WATCHDOG_PID")
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
		_ = os.Unsetenv(name) // fails for names that are none
	}
	if socket == "" {
		return n
	}
	conn, err := net.Dial("unixgram", socket) // one that begins with @ is abstract, here as there
	if err != nil {
		return n
	}
	n.conn = conn
	if us, err := strconv.ParseInt(every, 10, 64); err == nil && us > 0 && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		// Half the time that systemd waits, as it recommends.
		tick := time.NewTicker(max(time.Duration(us)*time.Microsecond/2, time.Millisecond))
		n.alive, n.stop = tick.C, tick.Stop
	}
	return n
}

// ready says, once, that the configuration holds and the command's parts run. A server that is not
// there is waited for after that: order does not matter.
func (n *notifier) ready() { n.once.Do(func() { n.send("READY=1") }) }

func (n *notifier) watchdog() { n.send("WATCHDOG=1") }

func (n *notifier) stopping() { n.send("STOPPING=1") }

func (n *notifier) send(state string) {
	if n.conn != nil {
		_ = n.conn.SetWriteDeadline(time.Now().Add(time.Second)) // nothing here waits for systemd
		_, _ = n.conn.Write([]byte(state))
	}
}

func (n *notifier) close() {
	n.stop()
	if n.conn != nil {
		_ = n.conn.Close() // nothing is kept back in it
	}
}
