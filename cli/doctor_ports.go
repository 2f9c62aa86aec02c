package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/lensbus/lensbus/viewer/web"
)

// portUse is who has a port.
type portUse struct {
	free bool
	nats bool  // a NATS server answers there
	page bool  // a page of lensbus answers there
	err  error // why it cannot be listened on, where it is not that somebody else does
}

// checkPorts looks at the addresses that the file's broker and page listen on, or those that they
// listen on without a file.
func checkPorts(ctx context.Context, p *patient) []finding {
	// Without a file nobody has said that they are needed.
	taken := warn
	if p.hasFile {
		taken = fail
	}
	var found []finding
	look := func(key, listen, flag, good string, isOurs func(portUse) bool) {
		use := p.port(ctx, listen)
		switch {
		case use.free:
			found = append(found, finding{Status: ok, Text: fmt.Sprintf("%s %s is free", key, listen)})
		case use.err != nil:
			found = append(found, finding{Status: taken, Text: fmt.Sprintf("%s %s cannot be listened on: %v", key, listen, use.err), Do: "use an address of this machine, and a port over 1023, with " + flag})
		case isOurs(use):
			found = append(found, finding{Status: ok, Text: fmt.Sprintf("%s %s is in use by %s", key, listen, good)})
		default:
			_, port, _ := net.SplitHostPort(listen)
			found = append(found, finding{Status: taken, Text: fmt.Sprintf("%s %s is in use by another program", key, listen),
				Do: fmt.Sprintf("`ss -ltnp sport = :%s` shows which; end it, or use another port with %s", port, flag)})
		}
	}
	if p.file.Server == "" && p.file.Context == "" { // else there is a server elsewhere
		look("broker.listen", p.file.Broker.OrDefaults().Listen, "--listen (lensbus up: --broker-listen)", "a NATS server, lensbus's own or yours", func(u portUse) bool { return u.nats })
	}
	page := p.file.Web
	if page.Listen == "" {
		page = web.Config{}.OrDefaults()
	}
	look("web.listen", page.Listen, "--listen (lensbus up: --web-listen)", "a page of lensbus", func(u portUse) bool { return u.page })
	return found
}

// probePort finds out who has an address: it listens there for a moment, and where somebody else does,
// it hears who that is.
func probePort(ctx context.Context, listen string) portUse {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return portUse{err: err}
	}
	if port == "0" || port == "-1" { // any that is free
		return portUse{free: true}
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", listen)
	if err == nil {
		_ = listener.Close()
		return portUse{free: true}
	}
	if !errors.Is(err, syscall.EADDRINUSE) {
		if op := new(net.OpError); errors.As(err, &op) {
			err = op.Err
		}
		return portUse{err: err}
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	address := net.JoinHostPort(host, port)
	if greetsAsNATS(ctx, address) {
		return portUse{nats: true}
	}
	return portUse{page: isPage(ctx, address)}
}

// greetWait is how long somebody may take to say who he is.
const greetWait = time.Second

// greetsAsNATS says whether a NATS server is there: that speaks first.
func greetsAsNATS(ctx context.Context, address string) bool {
	dialer := net.Dialer{Timeout: greetWait}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetReadDeadline(time.Now().Add(greetWait / 2)) // fails only on a closed connection
	greeting := make([]byte, len("INFO {"))
	_, err = io.ReadFull(conn, greeting)
	return err == nil && string(greeting) == "INFO {"
}

// isPage says whether a page of lensbus is there.
func isPage(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, greetWait)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/", nil)
	if err != nil {
		return false
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	body, _ := io.ReadAll(io.LimitReader(response.Body, 64<<10)) // what came is enough
	return response.StatusCode == http.StatusOK && bytes.Contains(bytes.ToLower(body), []byte("lensbus"))
}
