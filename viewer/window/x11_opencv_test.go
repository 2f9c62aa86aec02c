//go:build opencv

package window

import (
	"encoding/binary"
	"io"
	"net"
	"strconv"
	"strings"
)

// clickCross tells the window what a window manager tells it when the cross in its frame is clicked:
// a client message WM_PROTOCOLS with WM_DELETE_WINDOW (ICCCM 4.2.8.1). No tool on the machine sends
// just that, so it is said in X's own protocol.
func (p *process) clickCross() {
	p.t.Helper()
	id, err := strconv.ParseUint(p.id, 10, 32)
	if err != nil {
		p.t.Fatal(err)
	}
	conn, err := net.Dial("unix", "/tmp/.X11-unix/X"+strings.TrimPrefix(p.Display, ":"))
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Close()
	order := binary.LittleEndian
	send := func(b []byte) {
		if _, err := conn.Write(b); err != nil {
			p.t.Fatal(err)
		}
	}
	receive := func(n int) []byte {
		b := make([]byte, n)
		if _, err := io.ReadFull(conn, b); err != nil {
			p.t.Fatal(err)
		}
		return b
	}
	send([]byte{'l', 0, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0}) // little-endian, protocol 11.0, no authorisation
	head := receive(8)
	if head[0] != 1 {
		p.t.Fatal("the X server refuses the connection")
	}
	receive(4 * int(order.Uint16(head[6:])))

	atom := func(name string) uint32 {
		padded := (len(name) + 3) / 4 * 4
		request := make([]byte, 8+padded)
		request[0] = 16 // InternAtom
		order.PutUint16(request[2:], uint16(len(request)/4))
		order.PutUint16(request[4:], uint16(len(name)))
		copy(request[8:], name)
		send(request)
		return order.Uint32(receive(32)[8:])
	}
	protocols, remove := atom("WM_PROTOCOLS"), atom("WM_DELETE_WINDOW")

	request := make([]byte, 44)
	request[0] = 25 // SendEvent
	order.PutUint16(request[2:], 11)
	order.PutUint32(request[4:], uint32(id))
	event := request[12:]
	event[0], event[1] = 33, 32 // ClientMessage of 32-bit values
	order.PutUint32(event[4:], uint32(id))
	order.PutUint32(event[8:], protocols)
	order.PutUint32(event[12:], remove)
	send(request)
	atom("WM_STATE") // an answer: what was sent before has been done
}
