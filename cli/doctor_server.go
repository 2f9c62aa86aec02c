package cli

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// connectStrictly connects and waits for the server's answer. Its error says why there is none, where
// others would go on trying.
func connectStrictly(ctx context.Context, flags serverFlags, f file, who *auth.Credentials) (*bus.Conn, error) {
	if flags.Server == "" && flags.Context == "" {
		flags = serverFlags{Server: f.Server, Context: f.Context}
	}
	waiting, giveUp := context.WithTimeout(ctx, answerWait)
	defer giveUp()
	var last atomic.Pointer[error]
	var attempts atomic.Int32
	conn, err := bus.Connect(ctx, bus.Options{Server: flags.Server, Context: flags.Context, Credentials: who, Log: slog.New(slog.DiscardHandler), Quit: ctx.Done(), NATS: []nats.Option{
		nats.ReconnectErrHandler(func(nc *nats.Conn, err error) {
			last.Store(&err)
			each := 2 // chances
			if errors.Is(err, nats.ErrAuthorization) {
				each = 1
			}
			if int(attempts.Add(1)) >= each*len(nc.Servers()) {
				giveUp()
			}
		}),
	}})
	if err != nil {
		return nil, err
	}
	if err = conn.WaitConnected(waiting); err == nil {
		return conn, nil
	}
	if why := last.Load(); why != nil {
		err = bus.Explain(*why)
	}
	err = fmt.Errorf("%s: %w", strings.Join(triedServers(conn), ", "), err)
	return nil, errors.Join(err, conn.Close())
}

// checkServer looks at the NATS server that this command would use.
func checkServer(ctx context.Context, p *patient) []finding {
	conn, err := p.server(ctx)
	if err != nil {
		return []finding{noServer(err)}
	}
	nc := conn.NATS()
	url, version := serverName(conn), nc.ConnectedServerVersion()
	found := []finding{{Status: ok, Text: fmt.Sprintf("%s answers, NATS server %s", url, version)}}
	if !safeVersion(version) {
		found = append(found, finding{Status: warn, Text: fmt.Sprintf("NATS server %s has known security faults", version), Do: "install 2.14.3 or newer (2.12.12 of the 2.12 line)"})
	}
	found = append(found, payload(nc.MaxPayload()), rights(ctx, conn), wayThere(ctx, nc))
	if state, err := nc.TLSConnectionState(); err == nil && len(state.PeerCertificates) > 0 {
		found = append(found, certificateEnding("the server's certificate", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: state.PeerCertificates[0].Raw}), time.Now(), "lensbus auth rotate, where the broker runs")...)
	}
	if p.who != nil && p.who.Role != auth.Admin {
		return found // only an admin may ask how storage is
	}
	return append(found, storage(ctx, nc)...)
}

// noServer says why there is no server, and what to do.
func noServer(err error) finding {
	f := finding{Status: fail, Text: err.Error()}
	text := strings.ToLower(f.Text)
	refused := new(bus.EntryError)
	switch {
	case errors.As(err, &refused):
		f.Do = "give the credentials that belong to this server with --creds (lensbus auth), or --context, or NATS_CREDS, NATS_NKEY, NATS_CA"
	case strings.Contains(text, "authorization"), strings.Contains(text, "authentication"):
		f.Do = "the server wants other credentials: give --context, or NATS_USER and NATS_PASSWORD, NATS_CREDS or NATS_NKEY"
	case strings.Contains(text, "certificate"), strings.Contains(text, "tls"):
		f.Do = "say which authority has signed the server's certificate with NATS_CA, or give an URL with the name that is in it"
	case strings.Contains(text, "no such host"), strings.Contains(text, "lookup"):
		f.Do = "nobody knows that name: check --server, LENSBUS_SERVER and the file's server"
	default:
		f.Do = "start one with `lensbus up` or `lensbus broker`, or say where it is with --server"
	}
	return f
}

// safeVersion says whether a server's version has none of the faults that are known of.
func safeVersion(version string) bool {
	var v [3]int
	core, _, _ := strings.Cut(version, "-")
	for i, part := range strings.SplitN(core, ".", 3) {
		n, err := strconv.Atoi(part)
		if err != nil {
			return false
		}
		v[i] = n
	}
	at := func(major, minor, patch int) bool {
		return v[0] > major || v[0] == major && (v[1] > minor || v[1] == minor && v[2] >= patch)
	}
	return at(2, 14, 3) || v[0] == 2 && v[1] == 12 && at(2, 12, 12)
}

func payload(most int64) finding {
	switch {
	case most < 256<<10:
		return finding{Status: fail, Text: fmt.Sprintf("max_payload is %s: most pictures do not fit", size(most)), Do: "set max_payload: 8MB in the server's configuration"}
	case most < int64(broker.DefaultMaxPayload):
		return finding{Status: warn, Text: fmt.Sprintf("max_payload is %s: larger pictures are scaled down", size(most)), Do: "set max_payload: 8MB in the server's configuration"}
	}
	return finding{Status: ok, Text: "max_payload is " + size(most)}
}

// rights finds out whether this user may hear the cameras.
func rights(ctx context.Context, conn *bus.Conn) finding {
	refused := finding{Status: warn, Text: "this user may not subscribe to " + frame.AllStatuses + ": cameras are not listed", Do: "give the user that right, or use another with --context"}
	nc, subject := conn.NATS(), frame.AllStatuses
	if own := conn.Scope(); len(own) > 0 {
		subject = own[0].StatusSubject()
	}
	sub, err := nc.SubscribeSync(subject)
	if err != nil {
		return refused
	}
	defer func() { _ = sub.Unsubscribe() }()
	waiting, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	// The server refuses before it answers the flush.
	if err := nc.FlushWithContext(waiting); err != nil {
		return finding{Status: fail, Text: "the server does not answer any more: " + err.Error(), Do: "look at the server's log"}
	}
	if err := nc.LastError(); errors.Is(err, nats.ErrPermissionViolation) {
		return refused
	}
	return finding{Status: ok, Text: "this user may hear the cameras"}
}

// How long the way to the server may take.
const (
	shortWay = 50 * time.Millisecond
	longWay  = 250 * time.Millisecond
)

func wayThere(ctx context.Context, nc *nats.Conn) finding {
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	best := time.Duration(-1)
	for range 5 {
		began := time.Now()
		if err := nc.FlushWithContext(ctx); err != nil {
			return finding{Status: fail, Text: "the server does not answer any more: " + err.Error(), Do: "look at the server's log"}
		}
		if took := time.Since(began); best < 0 || took < best {
			best = took
		}
	}
	text := fmt.Sprintf("the way to the server and back takes %.1f ms", best.Seconds()*1000)
	switch {
	case best > longWay:
		return finding{Status: warn, Text: text + ": pictures are that much later", Do: "look for a slow or full link; a server near the cameras, joined as a leaf node, helps"}
	case best > shortWay:
		return finding{Status: ok, Text: text + ", as over a long distance"}
	}
	return finding{Status: ok, Text: text}
}

// limitsWait is how long JetStream may take to tell its limits: where the user may not ask, there is
// no answer.
const limitsWait = 2 * time.Second

// storage looks at JetStream.
func storage(ctx context.Context, nc *nats.Conn) []finding {
	ctx, cancel := context.WithTimeout(ctx, limitsWait)
	defer cancel()
	js, err := jetstream.New(nc)
	if err != nil {
		return []finding{{Status: fail, Text: err.Error()}}
	}
	account, err := js.AccountInfo(ctx)
	switch {
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount), errors.Is(err, nats.ErrNoResponders):
		return []finding{{Status: warn, Text: "the server has no JetStream: no first picture for new viewers, no recording; slow viewers fall behind", Do: "turn JetStream on in the server's configuration (jetstream { store_dir: … }), for this account"}}
	case err != nil:
		return []finding{{Status: warn, Text: "JetStream does not tell its limits: " + err.Error(), Do: "give the user the right to $JS.API.INFO"}}
	}
	found := []finding{{Status: ok, Text: fmt.Sprintf("JetStream is on: %d streams, %s in memory, %s on file", account.Streams, of(account.Memory, account.Limits.MaxMemory), of(account.Store, account.Limits.MaxStore))}}
	for _, kind := range []struct {
		name       string
		used, most int64
	}{{"memory", int64(account.Memory), account.Limits.MaxMemory}, {"file", int64(account.Store), account.Limits.MaxStore}, {"streams", int64(account.Streams), int64(account.Limits.MaxStreams)}} {
		if kind.most > 0 && kind.used > kind.most/10*9 {
			found = append(found, finding{Status: warn, Text: fmt.Sprintf("JetStream's limit on %s is nearly used up", kind.name), Do: "raise it, or keep less; a full store stores nothing"})
		}
	}
	return found
}

// of is how much is used of a limit; one that is not over 0 is none.
func of(used uint64, most int64) string {
	text := size(int64(min(used, 1<<62)))
	if most > 0 {
		text += " of " + size(most)
	}
	return text
}

// size is a number of bytes for people.
func size(n int64) string {
	for _, u := range []struct {
		unit broker.Bytes
		name string
	}{{broker.GiB, "GiB"}, {broker.MiB, "MiB"}, {broker.KiB, "KiB"}} {
		if n >= int64(u.unit) {
			return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(n)/float64(u.unit)), ".0") + " " + u.name
		}
	}
	return fmt.Sprintf("%d B", n)
}
