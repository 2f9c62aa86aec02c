package segment_test

import (
	"encoding/binary"
	"encoding/hex"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestLayoutIsAsDocumented reads the file of version 1 by the tables of docs/design/segments.md.
func TestLayoutIsAsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/design/segments.md")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile("testdata/version1.mp4")
	if err != nil {
		t.Fatal(err)
	}
	tables := strings.Split(string(page), "| offset | bytes | what |\n")
	if len(tables) != 4 {
		t.Fatalf("%d tables", len(tables)-1)
	}
	row := regexp.MustCompile(`(?m)^\| (\d+) \| (\d+)[^|]* \| (.*) \|$`)
	// value returns the number that the table says is at a place, from a base on.
	value := func(table int, base int, what string) uint64 {
		for _, m := range row.FindAllStringSubmatch(tables[table], -1) {
			if !strings.HasPrefix(m[3], what) {
				continue
			}
			offset, _ := strconv.Atoi(m[1])
			size, _ := strconv.Atoi(m[2])
			var b [8]byte
			copy(b[8-size:], data[base+offset:base+offset+size])
			return binary.BigEndian.Uint64(b[:])
		}
		t.Errorf("table %d has no line %q", table, what)
		return 0
	}
	box := strings.Index(string(data), "uuid") - 4
	size := int(value(1, box, "size of the box"))
	frames := box + 88 + len("front") + len("EPOCH") + len("jpeg") + 3
	gaps := frames + 4*44
	moof := int(value(1, box, "size of the `moof`"))
	for _, c := range []struct {
		what  string
		table int
		base  int
		want  uint64
	}{
		{"version", 1, box, 1},
		{"capture time", 1, box, uint64(day().UnixNano())},
		{"width", 1, box, 32},
		{"height", 1, box, 24},
		{"number of the part", 1, box, 1},
		{"number of frames", 1, box, 4},
		{"number of gaps", 1, box, 2},
		{"bytes of all frames", 1, box, 792 + 801 + 799 + 804},
		{"camera", 1, box, uint64(len("front"))},
		{"sequence", 2, frames + 44, 109},
		{"number in the broker's stream", 2, frames + 44, 7109},
		{"captured", 2, frames + 44, 1795342500234818506},
		{"published", 2, frames, 0},
		{"bytes", 2, frames + 44, 801},
		{"1 where", 2, frames + 44, 1},
		{"index in this part", 3, gaps, 3},
		{"from", 3, gaps, 1795342500236972498},
		{"to", 3, gaps, 1795342500272962846},
		{"missing", 3, gaps, 0},
		{"reason", 3, gaps, uint64(len("overrun"))},
	} {
		if got := value(c.table, c.base, c.what); got != c.want {
			t.Errorf("%s: %d, want %d", c.what, got, c.want)
		}
	}
	uuid := hex.EncodeToString(data[box+8 : box+24])
	if want := uuid[:8] + "-" + uuid[8:12] + "-" + uuid[12:16] + "-" + uuid[16:20] + "-" + uuid[20:]; !strings.Contains(tables[1], want) {
		t.Errorf("the uuid is %s", want)
	}
	if string(data[box+size+4:box+size+8]) != "moof" || string(data[box+size+moof+4:box+size+moof+8]) != "mdat" {
		t.Error("moof and mdat are not where the sizes say")
	}
}
