// Package bytesize reads and writes sizes in bytes as people give them in a configuration file. It is for
// the roles' settings; what a size is of does not belong here.
package bytesize

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes is a size. In a configuration file it is a whole number with a unit, KiB, MiB or GiB (1024
// based) or B: 8MiB.
type Bytes int64

// Units of [Bytes].
const (
	KiB Bytes = 1 << 10
	MiB Bytes = 1 << 20
	GiB Bytes = 1 << 30
)

// UnmarshalText reads "8MiB", "8 MiB" or "8388608B". A number without a unit is refused, except 0:
// it is too easily a thousand times wrong.
func (b *Bytes) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	digits := strings.TrimRight(s, "BKMGi ")
	n, err := strconv.ParseInt(digits, 10, 64)
	var unit Bytes
	switch strings.TrimSpace(s[len(digits):]) {
	case "B":
		unit = 1
	case "KiB":
		unit = KiB
	case "MiB":
		unit = MiB
	case "GiB":
		unit = GiB
	case "":
		if n == 0 {
			unit = 1
		}
	}
	if err != nil || unit == 0 || n < 0 || n > math.MaxInt64/int64(unit) {
		return fmt.Errorf("%.40q is not a size: write a whole number with B, KiB, MiB or GiB, such as 8MiB", s)
	}
	*b = Bytes(n) * unit
	return nil
}

// String is the size in the largest unit that needs no fraction; UnmarshalText reads it back.
func (b Bytes) String() string {
	for _, u := range []struct {
		size Bytes
		name string
	}{{GiB, "GiB"}, {MiB, "MiB"}, {KiB, "KiB"}} {
		if b != 0 && b%u.size == 0 {
			return strconv.FormatInt(int64(b/u.size), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10) + "B"
}
