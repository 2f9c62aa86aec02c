package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/lensbus/lensbus/bus"
)

// A consumer that was ahead of its stream is told beside what was done to the stream; others are not.
func TestProvisionTellsOfConsumersMadeAnew(t *testing.T) {
	var out bytes.Buffer
	s := &session{Program: Program{Stdout: &out}}
	done := provisioning{Streams: []provisioned{{
		StreamPlan: bus.StreamPlan{Camera: "front", Stream: "FRAMES_front", Action: bus.StreamKept},
		Consumers:  []provisionedConsumer{{"nvr2", bus.ConsumerCreated}, {"rec", bus.ConsumerAnew}},
	}}}
	if err := new(provisionCommand).show(s, done); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, "kept  consumer rec made anew: it was ahead of the stream") || strings.Contains(got, "nvr2") {
		t.Error(got)
	}
}
