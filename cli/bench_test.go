package cli

import (
	"bytes"
	"image/jpeg"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
)

func TestAges(t *testing.T) {
	var a ages
	if got := a.quantile(0.5); got != 0 {
		t.Errorf("of none: %v", got)
	}
	for n := range 100 {
		a.observe(time.Duration(n+1) * time.Millisecond)
	}
	var other ages
	other.observe(-time.Second)
	other.observe(3 * time.Hour)
	for q, want := range map[float64]time.Duration{0.01: time.Millisecond, 0.5: 50 * time.Millisecond, 0.99: 99 * time.Millisecond, 1: 100 * time.Millisecond} {
		if got := a.quantile(q); got < want || float64(got) > 1.02*float64(want) {
			t.Errorf("%g: %v, want %v or 2 %% more", q, got, want)
		}
	}
	a.add(&other)
	if a.n != 102 || a.most != 3*time.Hour || a.quantile(0.001) > 11*time.Microsecond {
		t.Errorf("with another: %d, %v, %v", a.n, a.most, a.quantile(0.001))
	}
	a.reset()
	if a.n != 0 || a.most != 0 || a.quantile(1) != 0 {
		t.Error("anew, it knows some")
	}
}

func TestBenchPicture(t *testing.T) {
	for _, size := range []int{leastBenchBytes, leastBenchBytes + 1, leastBenchBytes + 2, leastBenchBytes + 3, 66_000, 102_400, 131_075, 1 << 20, mostBenchBytes} {
		data, err := benchPicture(size)
		if err != nil {
			t.Fatal(err)
		}
		info, err := frame.ScanJPEG(data, frame.Limits{})
		if len(data) != size || err != nil || info.Width != benchWidth || info.Height != benchHeight {
			t.Errorf("%d bytes: %d, %+v, %v", size, len(data), info, err)
		}
		if _, err := jpeg.Decode(bytes.NewReader(data)); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	for size := 65_000; size < 67_500; size++ { // a comment must not leave less than one of its own
		if data, err := benchPicture(size); err != nil || len(data) != size {
			t.Fatalf("%d bytes: %d, %v", size, len(data), err)
		}
	}
}
