package bus

import (
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
)

func TestReadAnswer(t *testing.T) {
	for text, want := range map[string]answer{
		`{"stream":"FRAMES_front","seq":12}`:                                                                                {stream: "FRAMES_front", seq: 12},
		`{"stream":"FRAMES_front","domain":"hub","seq":12}`:                                                                 {stream: "FRAMES_front", seq: 12},
		`{"stream":"FRAMES_front","seq":12,"duplicate":true}`:                                                               {stream: "FRAMES_front", reason: UnstoredDuplicate},
		`{"error":{"code":429,"err_code":10167,"description":"too many requests"},"stream":"FRAMES_front","seq":0}`:         {stream: "FRAMES_front", reason: UnstoredBusy},
		`{"error":{"code":400,"err_code":10054,"description":"message size exceeds maximum allowed"},"stream":"F","seq":0}`: {stream: "F", reason: UnstoredTooLarge},
		`{"error":{"code":503,"err_code":10023,"description":"insufficient resources"},"stream":"F","seq":0}`:               {stream: "F", reason: UnstoredNoRoom},
		`{"error":{"code":503,"err_code":10077,"description":"no space left on device"},"stream":"F","seq":0}`:              {stream: "F", reason: UnstoredNoRoom},
		`{"error":{"code":503,"err_code":10039,"description":"JetStream not enabled for account"},"stream":"","seq":0}`:     {reason: UnstoredNoStream},
		`{"error":{"code":400,"err_code":10111,"description":"rollup not permitted"},"stream":"F","seq":0}`:                 {stream: "F", reason: UnstoredRefused},
		`{"stream":"FRAMES_front"}`: {reason: UnstoredRefused},
		`{"seq":1}`:                 {reason: UnstoredRefused},
		`{"stream":"F","seq":-1}`:   {reason: UnstoredRefused},
		`{"stream":"F","seq":1`:     {reason: UnstoredRefused},
		`[]`:                        {reason: UnstoredRefused},
		`{"stream":"F","seq":1,"x":"` + strings.Repeat("x", mostAnswer) + `"}`: {reason: UnstoredRefused},
		``: {reason: UnstoredRefused},
	} {
		if got := readAnswer(&nats.Msg{Data: []byte(text)}); got != want {
			t.Errorf("%.100s: %+v, want %+v", text, got, want)
		}
	}
	if got := readAnswer(&nats.Msg{Header: nats.Header{"Status": {"503"}}}); got.reason != UnstoredNoStream {
		t.Errorf("no responders: %+v", got)
	}
}

func FuzzReadAnswer(f *testing.F) {
	f.Add([]byte(`{"stream":"FRAMES_front","seq":12}`))
	f.Add([]byte(`{"error":{"code":429,"err_code":10167},"stream":"FRAMES_front","seq":0}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		a := readAnswer(&nats.Msg{Data: data})
		if (a.reason == "") != (a.seq > 0) || a.reason == "" && a.stream == "" {
			t.Errorf("%q: %+v", data, a)
		}
	})
}
