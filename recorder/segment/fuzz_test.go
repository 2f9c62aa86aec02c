package segment_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

// FuzzReader reads files from nowhere: no crash, nothing that a writer would not have written.
func FuzzReader(f *testing.F) {
	r := random(f, 40)
	all := shot(f, r, 6)
	for i := range all { // small seeds: the fuzzer spends its time on making large ones smaller
		all[i].Data = picture(f, r, 32, 24, 0)[:60]
	}
	data, ends := file(f, openFolder(f), all, 2)
	f.Add(data)
	f.Add(data[:ends[1]-1])
	f.Add(append(bytes.Clone(data[:ends[0]]), data[ends[1]:]...))
	f.Add(data[600:])
	f.Add([]byte{})
	name := segment.Name{Camera: "front", Start: day(), State: segment.StateWhole}
	f.Fuzz(func(t *testing.T, data []byte) {
		reader, damage, err := segment.Scan(bytes.NewReader(data), int64(len(data)), name)
		if err != nil {
			return
		}
		info := reader.Info()
		if info.Camera != "front" || info.Frames < 1 || info.LastSeq < info.FirstSeq || info.End.Before(info.Start) || info.Duration < 0 {
			t.Fatalf("%+v", info)
		}
		var last frame.Frame
		var frames, wrong uint64
		for rec, err := range reader.Frames(time.Time{}, time.Time{}) {
			if err != nil {
				wrong++
				continue
			}
			frames++
			if rec.Seq <= last.Seq || rec.Captured.Before(last.Captured) || len(rec.Data) == 0 || rec.Width < 1 || rec.Codec == "" {
				t.Fatalf("%+v after %+v", rec, last)
			}
			last = rec.Frame
		}
		if frames > info.Frames || frames < info.Frames && wrong == 0 {
			t.Fatalf("%d frames, %d damaged, of %d; damage %+v", frames, wrong, info.Frames, damage)
		}
		reader.Verify()
	})
}

// FuzzBox reads boxes whose checksum is right: what is taken can be written again, byte for byte.
func FuzzBox(f *testing.F) {
	data, ends := file(f, openFolder(f), shot(f, random(f, 41), 8), 4)
	begin := bytes.Index(data, []byte("uuid"))
	for _, at := range []int{begin, int(ends[0]) + 4} {
		size := int(data[at-4])<<24 | int(data[at-3])<<16 | int(data[at-2])<<8 | int(data[at-1])
		f.Add(data[at : at-4+size-4])
	}
	f.Fuzz(func(t *testing.T, inner []byte) {
		sealed := segment.Seal(inner)
		again, err := segment.ReadBox(sealed)
		if err == nil && !bytes.Equal(again, sealed) {
			t.Fatalf("read\n%x\nwritten\n%x", sealed, again)
		}
	})
}
