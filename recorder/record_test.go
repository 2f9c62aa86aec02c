package recorder_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder"
	"github.com/lensbus/lensbus/recorder/segment"
	"github.com/lensbus/lensbus/test/numbers"
)

// What the broker has is in files, and acknowledged; a clean end leaves nothing open.
func TestRecord(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.provision(nil)
	g.publish(60)
	dir := filepath.Join(t.TempDir(), "recordings")
	r := g.record(recorder.Config{Dir: dir}, nil)
	g.inFiles(dir)
	g.publish(90)
	g.inFiles(dir)
	g.acknowledged(150)
	if err := r.metrics.Ready(); err != nil {
		t.Error(err)
	}
	n := numbers.Of(t, r.metrics)
	if n["lensbus_recorder_frames_total{front}"] != 150 || n["lensbus_recorder_state{front,recording}"] != 1 ||
		n["lensbus_recorder_fsync_seconds_count{front}"] == 0 || n["lensbus_recorder_free_bytes"] == 0 || n["lensbus_recorder_lag_frames{front}"] != 0 {
		t.Errorf("%v", n)
	}
	began := time.Now()
	r.end()
	t.Logf("ended in %v", time.Since(began).Round(time.Millisecond))
	report := g.check(dir)
	// 6 s of pictures in segments of 2 s.
	if report.Recorded != 150 || report.Segments != 3 || report.Open != 0 {
		t.Errorf("%+v", report)
	}
	// And on.
	r = g.record(recorder.Config{Dir: dir}, nil)
	g.publish(10)
	g.inFiles(dir)
	r.end()
	if report := g.check(dir); report.Recorded != 160 || report.Open != 0 {
		t.Errorf("%+v", report)
	}
}

// A segment ends where its frames stop being of one kind, and where time does not go on.
func TestRecordBeginsNewSegments(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.provision(nil)
	dir := t.TempDir()
	r := g.record(recorder.Config{Dir: dir, Segment: time.Hour}, nil)
	steps := []struct {
		name   string
		change func()
	}{
		{"begin", func() {}},
		{"epoch", g.newEpoch},
		{"size", func() { g.f.Width, g.f.Height = 96, 64 }},
		{"an hour back", func() { g.f.Captured = g.f.Captured.Add(-time.Hour) }},
		{"an hour forward", func() { g.f.Captured = g.f.Captured.Add(time.Hour) }},
		{"eleven seconds without a picture", func() { g.f.Captured = g.f.Captured.Add(11 * time.Second) }},
	}
	for i, step := range steps {
		step.change()
		g.publish(5)
		g.inFiles(dir)
		if whole, open := files(t, dir); len(whole) != i || len(open) != 1 {
			t.Fatalf("%s: %d closed segments and %d open ones", step.name, len(whole), len(open))
		}
	}
	r.end()
	if report := g.check(dir); report.Recorded != 5*len(steps) {
		t.Errorf("%+v", report)
	}
	// With the clock an hour off, the next start finds its place all the same.
	r = g.record(recorder.Config{Dir: dir, Segment: time.Hour}, nil)
	g.publish(5)
	g.inFiles(dir)
	r.end()
	g.check(dir)
	if r.log.says("set back") {
		t.Error("the consumer was set back for nothing")
	}
}

// What is no frame is put aside and does not hold up what is.
func TestRecordQuarantines(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.provision(nil)
	dir := t.TempDir()
	r := g.record(recorder.Config{Dir: dir}, nil)
	g.publish(3)
	lie := g.shoot()
	lie.Width = 640
	stranger := g.shoot()
	stranger.Camera = "yard"
	for _, m := range []*nats.Msg{
		{Data: []byte("<html>no picture</html>")},
		{Data: nil},
		{Data: lie.Data, Header: lie.Header(true)},
		{Data: lie.Data[:len(lie.Data)/2], Header: lie.Header(false)},
		{Data: lie.Data, Header: nats.Header{frame.HeaderSeq: {"-1"}, frame.HeaderEpoch: {"../../etc"}}},
	} {
		m.Subject = "cam.front.frame"
		if _, err := g.js.PublishMsg(soon(t), m); err != nil {
			t.Fatal(err)
		}
	}
	g.publish(3)
	g.inFiles(dir)
	g.acknowledged(11)
	// Only rubbish at the end is acknowledged too.
	if _, err := g.js.Publish(soon(t), "cam.front.frame", []byte("x")); err != nil {
		t.Fatal(err)
	}
	g.acknowledged(12)
	n := numbers.Of(t, r.metrics)
	if n["lensbus_recorder_quarantined_total{front,header}"] != 4 || n["lensbus_recorder_quarantined_total{front,dimensions}"]+n["lensbus_recorder_quarantined_total{front,picture}"] != 2 {
		t.Errorf("%v", n)
	}
	if n["lensbus_recorder_gaps_total{front,rejected}"] != 1 {
		t.Errorf("the frames that were no frames are not told as a gap: %v", n)
	}
	kept, err := filepath.Glob(filepath.Join(dir, "quarantine", "front", "*.msg"))
	if err != nil || len(kept) == 0 {
		t.Fatalf("nothing is kept for people to look at: %v", err)
	}
	text, err := os.ReadFile(kept[0])
	if err != nil || !strings.HasPrefix(string(text), `{"camera":"front","number":4,`) || !strings.Contains(string(text), "no picture") {
		t.Errorf("%s, %v", text, err)
	}
	r.end()
	if report := g.check(dir); report.Recorded != 6 {
		t.Errorf("%+v", report)
	}
	// The start after it: no crash, and nothing is fetched again.
	r = g.record(recorder.Config{Dir: dir}, nil)
	g.publish(1)
	g.inFiles(dir)
	r.end()
	g.check(dir)
}

// The stream made anew, by whoever, while the recorder runs and while it does not.
func TestRecordStreamMadeAnew(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.provision(nil)
	dir := t.TempDir()
	r := g.record(recorder.Config{Dir: dir, Cameras: []frame.CameraID{"front"}}, nil)
	g.publish(20)
	g.inFiles(dir)
	anew := func() {
		if err := g.js.DeleteStream(soon(t), g.camera.StreamName()); err != nil {
			t.Fatal(err)
		}
	}
	anew()
	eventually(t, "the camera waits for its stream", func() bool { return numbers.Of(t, r.metrics)["lensbus_recorder_state{front,waiting}"] == 1 })
	if err := r.metrics.Ready(); err != nil {
		t.Errorf("a camera that is not there makes the recorder unready: %v", err)
	}
	g.provision(nil)
	g.publish(20)
	g.inFiles(dir)
	r.end()
	g.check(dir)
	anew()
	g.provision(nil)
	g.publish(50) // more than were ever there
	r = g.record(recorder.Config{Dir: dir, Cameras: []frame.CameraID{"front"}}, nil)
	g.inFiles(dir)
	r.end()
	if report := g.check(dir); report.Recorded != 90 {
		t.Errorf("%+v", report)
	}
}

// What the stream dropped before it was recorded is a gap with its reason, in the file too.
func TestRecordTellsWhatWasOverrun(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.provision(nil)
	dir := t.TempDir()
	r := g.record(recorder.Config{Dir: dir, Segment: time.Hour}, nil)
	g.publish(10)
	g.inFiles(dir)
	r.end()
	g.publish(30)
	stream, err := g.js.Stream(soon(t), g.camera.StreamName())
	if err != nil {
		t.Fatal(err)
	}
	cfg := stream.CachedInfo().Config
	cfg.MaxMsgs = 12
	if _, err := g.js.UpdateStream(soon(t), cfg); err != nil {
		t.Fatal(err)
	}
	r = g.record(recorder.Config{Dir: dir, Segment: time.Hour}, nil)
	eventually(t, "it goes on", func() bool { return numbers.Of(t, r.metrics)["lensbus_recorder_frames_total{front}"] == 12 })
	if n := numbers.Of(t, r.metrics); n["lensbus_recorder_gaps_total{front,overrun}"] != 1 {
		t.Errorf("%v", n)
	}
	r.end()
	folder, err := segment.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	var gaps []frame.Gap
	for found, err := range folder.List("front") {
		if err != nil {
			t.Fatal(err)
		}
		reader, err := folder.Open(found.Path)
		if err != nil {
			t.Fatal(err)
		}
		gaps = append(gaps, reader.Info().Gaps...)
		_ = reader.Close()
	}
	if len(gaps) != 1 || gaps[0].Reason != frame.GapOverrun || gaps[0].Missing != 18 {
		t.Errorf("%+v", gaps)
	}
}

// Somebody stores one frame with a number that the camera cannot have come to: it is put aside, and the
// camera's own frames after it are recorded.
func TestRecordForgedNumber(t *testing.T) {
	t.Parallel()
	g, dir, r := recorded(t, 10)
	forged := g.shoot()
	g.f.Seq--
	forged.Seq, forged.Captured = 1<<63-1, forged.Captured.AddDate(200, 0, 0)
	msg := &nats.Msg{Subject: g.camera.FrameSubject(), Header: forged.Header(true), Data: forged.Data}
	if _, err := g.js.PublishMsg(soon(t), msg); err != nil {
		t.Fatal(err)
	}
	g.publish(10)
	g.acknowledged(21)
	if n := numbers.Of(t, r.metrics)["lensbus_recorder_quarantined_total{front,header}"]; n != 1 {
		t.Errorf("%v messages are put aside", n)
	}
	r.end()
	if report := g.check(dir); report.Recorded != 20 || report.Missing != 0 {
		t.Errorf("%+v", report)
	}
}

// What does not fit into the part with what came before it makes that be written first: it is counted too.
func TestRecordCountsWhatIsWrittenEarly(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.provision(nil)
	dir := t.TempDir()
	r := g.record(recorder.Config{Dir: dir, Part: 30 * time.Second, Segment: time.Hour}, nil)
	g.size = 3 << 20
	g.publish(1)
	g.size = 6 << 20
	g.publish(1)
	g.inFiles(dir)
	g.acknowledged(2)
	n := numbers.Of(t, r.metrics)
	if frames, bytes := n["lensbus_recorder_frames_total{front}"], n["lensbus_recorder_recorded_bytes_total{front}"]; frames != 2 || bytes < 8<<20 {
		t.Errorf("%v frames and %v bytes are counted", frames, bytes)
	}
	r.end()
	g.check(dir)
}

// After the camera's clock was put back, what was recorded last is not what begins last: it is in a file,
// and not shown as if it were in the stream only.
func TestRangesWhereTheClockWasPutBack(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.provision(nil)
	dir := t.TempDir()
	for range 2 {
		r := g.record(recorder.Config{Dir: dir, Segment: time.Hour}, nil)
		g.publish(20)
		g.inFiles(dir)
		eventually(t, "all is acknowledged", func() bool { return g.consumer().NumPending == 0 && g.consumer().NumAckPending == 0 })
		r.end()
		g.f.Captured = g.f.Captured.Add(-time.Hour)
	}
	r := g.record(recorder.Config{Dir: dir}, nil)
	asker := g.asker()
	eventually(t, "all frames are in files, once", func() bool {
		ranges, err := asker.Ranges(soon(t), g.camera, time.Time{}, time.Time{})
		frames := uint64(0)
		for _, span := range ranges.Spans {
			frames += span.Frames
		}
		return err == nil && frames == 40
	})
	r.end()
	g.check(dir)
}
