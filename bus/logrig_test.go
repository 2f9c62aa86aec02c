package bus_test

import (
	"log/slog"
	"testing"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/test/logbook"
)

// logged is a connection until the test ends, and what is logged of it.
func logged(t testing.TB, o bus.Options) (*bus.Conn, *logbook.Book) {
	t.Helper()
	log := new(logbook.Book)
	o.Log = slog.New(slog.NewTextHandler(log, nil))
	conn, err := bus.Connect(context20(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn, log
}
