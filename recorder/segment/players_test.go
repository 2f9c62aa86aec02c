package segment_test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"github.com/lensbus/lensbus/recorder/segment"
)

func program(t *testing.T, name string) string {
	t.Helper()
	p, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("SKIPPED: %s is not installed, so nothing says whether players can read a segment", name)
	}
	return p
}

type packet struct {
	PTS  int64
	Size int
}

// probe returns the packets that ffprobe finds, and what it complains about.
func probe(t *testing.T, p string) (packets []packet, complaints string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program(t, "ffprobe"), "-v", "error", "-select_streams", "v:0",
		"-show_entries", "packet=pts,size:stream=codec_name,time_base,width,height:format_tags=creation_time", "-of", "json", p)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, &stderr)
	}
	var found struct {
		Packets []struct {
			PTS  int64  `json:"pts"`
			Size string `json:"size"`
		} `json:"packets"`
		Streams []struct {
			Codec    string `json:"codec_name"`
			TimeBase string `json:"time_base"`
			Width    int    `json:"width"`
			Height   int    `json:"height"`
		} `json:"streams"`
		Format struct {
			Tags map[string]string `json:"tags"`
		} `json:"format"`
	}
	if err := json.Unmarshal(out, &found); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if len(found.Streams) != 1 || found.Streams[0].Codec != "mjpeg" || found.Streams[0].TimeBase != "1/1000000" || found.Streams[0].Width != 32 || found.Streams[0].Height != 24 {
		t.Errorf("streams %+v", found.Streams)
	}
	if at := found.Format.Tags["creation_time"]; at != day().Format("2006-01-02T15:04:05")+".000000Z" {
		t.Errorf("creation time %s", at)
	}
	for _, f := range found.Packets {
		size, err := strconv.Atoi(f.Size)
		if err != nil {
			t.Fatal(err)
		}
		packets = append(packets, packet{f.PTS, size})
	}
	return packets, stderr.String()
}

// played checks that ffprobe finds these frames and their times.
func played(t *testing.T, all []segment.Record, got []packet) {
	t.Helper()
	if len(got) != len(all) {
		t.Fatalf("ffprobe finds %d frames of %d", len(got), len(all))
	}
	for i, p := range got {
		since := all[i].Captured.Sub(all[0].Captured)
		if off := since - time.Duration(p.PTS)*time.Microsecond; off.Abs() > time.Microsecond {
			t.Errorf("frame %d is %v after the first, ffprobe says %d µs", i, since, p.PTS)
		}
		if p.Size != len(all[i].Data) {
			t.Errorf("frame %d has %d bytes, ffprobe says %d", i, len(all[i].Data), p.Size)
		}
		if i > 0 && p.PTS <= got[i-1].PTS {
			t.Errorf("frame %d is not after the one before: %d µs", i, p.PTS)
		}
	}
}

// decoded lets FFmpeg decode all, and returns how many pictures came out.
func decoded(t *testing.T, p string) int {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program(t, "ffprobe"), "-v", "error", "-select_streams", "v:0",
		"-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", p)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, &stderr)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestPlayersReadSegments(t *testing.T) {
	for _, partFrames := range []int{1, 11, 1000} {
		d := openFolder(t)
		all := shot(t, random(t, 50), 90)
		p := full(d, write(t, d, all, partFrames).Path)
		got, complaints := probe(t, p)
		if complaints != "" {
			t.Errorf("ffprobe: %s", complaints)
		}
		played(t, all, got)
		if n := decoded(t, p); n != len(all) {
			t.Errorf("ffmpeg decodes %d frames of %d", n, len(all))
		}
	}
}

// A closed segment is found in at a time, not only played from the start.
func TestPlayersSeekInSegments(t *testing.T) {
	ffprobe := program(t, "ffprobe")
	d := openFolder(t)
	all := shot(t, random(t, 51), 120)
	p := full(d, write(t, d, all, 10).Path)
	want := all[70].Captured.Sub(all[0].Captured).Round(time.Microsecond)
	cmd := exec.CommandContext(t.Context(), ffprobe, "-v", "error", "-select_streams", "v:0",
		"-read_intervals", strconv.FormatFloat(want.Seconds()+0.000001, 'f', 6, 64)+"%+#1", "-show_entries", "packet=pts_time", "-of", "csv=p=0", p)
	out, err := cmd.CombinedOutput()
	if err != nil || strings.TrimSuffix(strings.TrimSpace(string(out)), ",") != strconv.FormatFloat(want.Seconds(), 'f', 6, 64) {
		t.Errorf("at %v ffprobe finds %s (%v)", want, out, err)
	}
}

// What players make of a cut file are its whole parts, and after salvage that is all there is.
func TestPlayersReadWhatIsCut(t *testing.T) {
	program(t, "ffprobe")
	d := openFolder(t)
	r := random(t, 52)
	const partFrames = 6
	all := shot(t, r, 40)
	data, ends := file(t, d, all, partFrames)
	cuts := []int64{ends[0], ends[0] + 30, ends[2] - 1, ends[3] + 500}
	for range 10 {
		cuts = append(cuts, ends[0]+r.Int64N(int64(len(data))-ends[0]))
	}
	for _, cut := range cuts {
		n, exact := slices.BinarySearch(ends, cut)
		if exact {
			n++
		}
		whole := min(n*partFrames, len(all))
		put(t, d, partPath(), data[:cut])
		if !within(data, ends[n-1], cut) {
			before, _ := probe(t, full(d, partPath()))
			if len(before) < whole {
				t.Fatalf("cut at %d: ffprobe finds %d frames before salvage, %d are in whole parts", cut, len(before), whole)
			}
			played(t, all[:whole], before[:whole])
		}
		s, err := d.Salvage(partPath())
		if err != nil {
			t.Fatal(err)
		}
		after, complaints := probe(t, full(d, s.Info.Path))
		if complaints != "" {
			t.Errorf("cut at %d, salvaged: ffprobe: %s", cut, complaints)
		}
		played(t, all[:whole], after)
		if err := d.Remove(s.Info.Path); err != nil {
			t.Fatal(err)
		}
	}
	put(t, d, partPath(), data[:cuts[3]])
	s, err := d.Salvage(partPath())
	if err != nil {
		t.Fatal(err)
	}
	if n := decoded(t, full(d, s.Info.Path)); n != 4*partFrames {
		t.Errorf("ffmpeg decodes %d frames of %d", n, 4*partFrames)
	}
}

// within says whether a cut is in the few bytes of a part where FFmpeg refuses a file that ends there:
// a box's uuid, and the moof.
func within(data []byte, part, cut int64) bool {
	if part == int64(len(data)) {
		return false
	}
	moof := part + int64(bytes.Index(data[part:], []byte("moof"))) - 4
	mdat := part + int64(bytes.Index(data[part:], []byte("mdat"))) - 4
	return cut >= part+8 && cut < part+24 || cut >= moof+8 && cut <= mdat+8
}

// Clocks of cameras do odd things within a segment too.
func TestPlayersAndOddTimes(t *testing.T) {
	for name, steps := range map[string][]time.Duration{
		"standing still":     {0, 0, 0, 0, 0, 0},
		"nanoseconds":        {1, 1, 1, 400, 499, 1},
		"a slow camera":      {10 * time.Second, 10 * time.Second, 9 * time.Second},
		"then fast":          {5 * time.Second, time.Millisecond, time.Millisecond, time.Microsecond},
		"rounding at halves": {500, 1000, 1000, 1500, 33_333_333, 33_333_333},
	} {
		t.Run(name, func(t *testing.T) {
			d := openFolder(t)
			all := shot(t, random(t, 53), 1)
			for i, step := range steps {
				next := all[i]
				next.Seq++
				next.Captured = next.Captured.Add(step)
				all = append(all, next)
			}
			info := write(t, d, all, 2)
			got, complaints := probe(t, full(d, info.Path))
			if complaints != "" || len(got) != len(all) {
				t.Fatalf("ffprobe: %d frames of %d, %s", len(got), len(all), complaints)
			}
			for i, p := range got {
				since := all[i].Captured.Sub(all[0].Captured)
				// Frames of one time are drawn apart, by a microsecond each.
				if off := time.Duration(p.PTS)*time.Microsecond - since; off.Abs() > time.Duration(i+1)*time.Microsecond {
					t.Errorf("frame %d is %v after the first, ffprobe says %d µs", i, since, p.PTS)
				}
				if i > 0 && p.PTS <= got[i-1].PTS {
					t.Errorf("frame %d is not after the one before", i)
				}
			}
			back, _ := read(t, d, info.Path, time.Time{}, time.Time{})
			same(t, all, back) // to the nanosecond
		})
	}
}

// What mediacommon reads of a part is what was written: our moof is as others make them.
func TestPartsAreAsOthersReadThem(t *testing.T) {
	d := openFolder(t)
	all := shot(t, random(t, 54), 20)
	data, _ := file(t, d, all, 8)
	var head fmp4.Init
	if err := head.Unmarshal(bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	if codec, ok := head.Tracks[0].Codec.(*codecs.MJPEG); !ok || codec.Width != 32 || codec.Height != 24 || head.Tracks[0].TimeScale != 1_000_000 {
		t.Errorf("head %+v", head.Tracks[0])
	}
	var parts fmp4.Parts
	if err := parts.Unmarshal(data[bytes.Index(data, []byte("uuid"))-4:]); err != nil {
		t.Fatal(err)
	}
	i := 0
	for n, p := range parts {
		if p.SequenceNumber != uint32(n+1) || len(p.Tracks) != 1 || p.Tracks[0].ID != 1 {
			t.Fatalf("part %d: %+v", n, p)
		}
		at := p.Tracks[0].BaseTime
		for _, s := range p.Tracks[0].Samples {
			since := all[i].Captured.Sub(all[0].Captured)
			if off := since - time.Duration(at)*time.Microsecond; off.Abs() > time.Microsecond || s.IsNonSyncSample || !bytes.Equal(s.Payload, all[i].Data) {
				t.Fatalf("frame %d at %d µs, captured after %v: not as it was written", i, at, since)
			}
			at += uint64(s.Duration)
			i++
		}
	}
	if i != len(all) {
		t.Errorf("%d frames of %d", i, len(all))
	}
}
