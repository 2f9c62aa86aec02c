package broker

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		name   string
		config Config
		want   []string // parts of the error, none for a good config
	}{
		{"defaults", Config{}, nil},
		{"free port", Config{Listen: "127.0.0.1:0"}, nil},
		{"free port, NATS's own way", Config{Listen: "localhost:-1"}, nil},
		{"IPv6 loopback", Config{Listen: "[::1]:4222"}, nil},
		{"IPv4 in IPv6 loopback", Config{Listen: "[::ffff:127.0.0.1]:4222"}, nil},
		{"all interfaces", Config{Listen: "0.0.0.0:4222"}, []string{"listen:", "no authentication", "--insecure"}},
		{"no host is all interfaces", Config{Listen: ":4222"}, []string{"no authentication"}},
		{"a name may mean anything", Config{Listen: "localhost.example.org:4222"}, []string{"no authentication"}},
		{"accepted", Config{Listen: "0.0.0.0:4222", Insecure: true}, nil},
		{"no port", Config{Listen: "127.0.0.1"}, []string{`"127.0.0.1" is not HOST:PORT`}},
		{"port out of range", Config{Listen: "127.0.0.1:65536"}, []string{"is not HOST:PORT"}},
		{"port -2", Config{Listen: "127.0.0.1:-2"}, []string{"is not HOST:PORT"}},
		{"payload over the server's ceiling", Config{MaxPayload: 65 * MiB, MaxPending: 80 * MiB}, []string{"max_payload:"}},
		{"payload too small for any picture", Config{MaxPayload: KiB}, []string{"max_payload:"}},
		{"pending under payload", Config{MaxPending: MiB}, []string{"max_pending: 1MiB is less than max_payload, 8MiB"}},
		{"pending too much", Config{MaxPending: 2 * GiB}, []string{"max_pending: 2GiB"}},
		{"deadline", Config{WriteDeadline: time.Hour}, []string{"write_deadline: 1h0m0s"}},
		{"negative stores", Config{MaxMemoryStore: -1, MaxFileStore: -1}, []string{"max_memory_store:", "max_file_store:"}},
		{"store and no store", Config{NoJetStream: true, Store: "/var/lib/x"}, []string{"store: /var/lib/x"}},
		{"synced every so often", Config{Sync: Sync(10 * time.Second)}, nil},
		{"synced too seldom", Config{Sync: Sync(time.Hour)}, []string{"sync: 1h0m0s is outside 100ms to 10m"}},
		{"synced too often", Config{Sync: 1}, []string{"sync: 1ns"}},
		{"everything at once", Config{Listen: "x", WriteDeadline: 1, MaxPending: 1}, []string{"listen:", "write_deadline:", "max_pending:"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.config.Validate()
			if (err == nil) != (len(c.want) == 0) {
				t.Fatalf("error %v, want %q", err, c.want)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
		})
	}
	if err := (Config{Listen: "0.0.0.0:1"}).Validate(); !errors.Is(err, ErrInsecure) {
		t.Errorf("%v is no ErrInsecure", err)
	}
}

func TestSync(t *testing.T) {
	for text, want := range map[string]Sync{"always": 0, "10s": Sync(10 * time.Second), "1m30s": Sync(90 * time.Second)} {
		got := Sync(-1)
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
		if got.String() != text {
			t.Errorf("%q is written as %q", text, got)
		}
	}
	for _, text := range []string{"", "never", "10", "0s", "Always"} {
		got := Sync(-7)
		if err := got.UnmarshalText([]byte(text)); err == nil || got != -7 {
			t.Errorf("%q: accepted as %d", text, got)
		}
	}
}
