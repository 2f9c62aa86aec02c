package bus

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/frame"
)

// duplicateWindow is for how long a stream knows the ids of its frames.
const duplicateWindow = 2 * time.Minute

// recordedStream keeps frames on file until they are too old or too many, and never refuses one for
// want of room: the oldest go. Nobody can empty it or take single frames out of it, a publisher's
// header not either, and it does not spend time on compressing what is compressed.
func recordedStream(id frame.CameraID, limits StreamLimits) jetstream.StreamConfig {
	config := jetstream.StreamConfig{
		Name:              id.StreamName(),
		Description:       "frames of camera " + string(id) + ", for recorders",
		Subjects:          []string{id.FrameSubject()},
		Storage:           jetstream.FileStorage,
		Retention:         jetstream.LimitsPolicy,
		Discard:           jetstream.DiscardOld,
		MaxAge:            limits.Age,
		MaxBytes:          limits.Bytes,
		MaxMsgs:           -1,
		MaxMsgsPerSubject: -1,
		MaxMsgSize:        int32(frame.DefaultLimits().Bytes + headerRoom),
		MaxConsumers:      -1,
		Duplicates:        min(duplicateWindow, limits.Age), // the server wants no more than the age
		Replicas:          limits.Replicas,
		Compression:       jetstream.NoCompression,
		AllowDirect:       true,
		DenyDelete:        true,
		DenyPurge:         true,
	}
	if limits.From != "" {
		copySite(&config, limits.From)
	}
	return config
}

// foreign says what a stream has that lensbus's streams on file have not and that cannot be changed,
// or that would be lost in changing it; "" where it can be made right in place.
func foreign(is jetstream.StreamConfig) string {
	switch {
	case is.Storage != jetstream.FileStorage:
		return "in memory and with more than one message"
	case is.Retention != jetstream.LimitsPolicy:
		return "which drops what is consumed"
	case is.Mirror != nil || len(is.Sources) > 0 && siteOf(is) == "":
		return "which copies other streams"
	case is.Sealed:
		return "which is sealed"
	case is.AllowMsgTTL || is.AllowMsgSchedules || is.AllowMsgCounter:
		return "in which messages say themselves how they are kept"
	case is.PersistMode != jetstream.DefaultPersistMode:
		return "which confirms before it has written"
	case is.SubjectTransform != nil || is.RePublish != nil:
		return "which alters or repeats its messages"
	}
	return ""
}

// StreamChange is one setting of a stream that is changed.
type StreamChange struct {
	Setting string `json:"setting"`
	From    string `json:"from"`
	To      string `json:"to"`
}

// settings are those of a stream on file that lensbus decides on; all others are its administrator's.
// They are named as in `nats stream info --json`, but for those that a configuration file has.
func settings(c *jetstream.StreamConfig) []setting {
	return []setting{
		{"subjects", strings.Join(c.Subjects, " "), func(to *jetstream.StreamConfig) { to.Subjects = slices.Clone(c.Subjects) }},
		{"from", cameFrom(*c), func(to *jetstream.StreamConfig) { to.Sources = slices.Clone(c.Sources) }},
		{"buffer_age", c.MaxAge.String(), func(to *jetstream.StreamConfig) { to.MaxAge = c.MaxAge }},
		{"buffer_bytes", bytesText(c.MaxBytes), func(to *jetstream.StreamConfig) { to.MaxBytes = c.MaxBytes }},
		{"replicas", fmt.Sprint(c.Replicas), func(to *jetstream.StreamConfig) { to.Replicas = c.Replicas }},
		{"discard", c.Discard.String(), func(to *jetstream.StreamConfig) {
			to.Discard, to.DiscardNewPerSubject = c.Discard, c.DiscardNewPerSubject
		}},
		{"max_msgs", fmt.Sprint(c.MaxMsgs), func(to *jetstream.StreamConfig) { to.MaxMsgs = c.MaxMsgs }},
		{"max_msgs_per_subject", fmt.Sprint(c.MaxMsgsPerSubject), func(to *jetstream.StreamConfig) { to.MaxMsgsPerSubject = c.MaxMsgsPerSubject }},
		{"max_msg_size", bytesText(int64(c.MaxMsgSize)), func(to *jetstream.StreamConfig) { to.MaxMsgSize = c.MaxMsgSize }},
		{"duplicate_window", c.Duplicates.String(), func(to *jetstream.StreamConfig) { to.Duplicates = c.Duplicates }},
		{"compression", c.Compression.String(), func(to *jetstream.StreamConfig) { to.Compression = c.Compression }},
		{"no_ack", fmt.Sprint(c.NoAck), func(to *jetstream.StreamConfig) { to.NoAck = c.NoAck }},
		{"allow_rollup_hdrs", fmt.Sprint(c.AllowRollup), func(to *jetstream.StreamConfig) { to.AllowRollup = c.AllowRollup }},
		{"allow_direct", fmt.Sprint(c.AllowDirect), func(to *jetstream.StreamConfig) { to.AllowDirect = c.AllowDirect }},
		{"deny_delete", fmt.Sprint(c.DenyDelete), func(to *jetstream.StreamConfig) { to.DenyDelete = c.DenyDelete }},
		{"deny_purge", fmt.Sprint(c.DenyPurge), func(to *jetstream.StreamConfig) { to.DenyPurge = c.DenyPurge }},
	}
}

type setting struct {
	name, text string
	set        func(to *jetstream.StreamConfig) // as it is in the StreamConfig that it was read from
}

// reconcile returns a stream's configuration with lensbus's settings of want in it.
func reconcile(is, want jetstream.StreamConfig) jetstream.StreamConfig {
	for _, s := range settings(&want) {
		s.set(&is)
	}
	return is
}

// changes lists the settings in which two configurations differ.
func changes(from, to jetstream.StreamConfig) []StreamChange {
	var all []StreamChange
	after := settings(&to)
	for i, s := range settings(&from) {
		if s.text != after[i].text {
			all = append(all, StreamChange{Setting: s.name, From: s.text, To: after[i].text})
		}
	}
	return all
}
