package bytesize

import "testing"

func TestBytes(t *testing.T) {
	for text, want := range map[string]Bytes{
		"8MiB": 8 * MiB, " 8 MiB ": 8 * MiB, "512KiB": 512 * KiB, "2GiB": 2 * GiB, "17B": 17, "0": 0, "0B": 0, "1025KiB": 1025 * KiB,
	} {
		var got Bytes
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %d, %v, want %d", text, got, err, want)
		}
		var again Bytes
		if err := again.UnmarshalText([]byte(got.String())); err != nil || again != got {
			t.Errorf("%q: written as %q, read back as %d, %v", text, got.String(), again, err)
		}
	}
	for _, text := range []string{"", "8", "8MB", "8M", "-1MiB", "1.5MiB", "MiB", "8 MiB MiB", "9223372036854775807KiB", "8MiBB", "０MiB"} {
		got := Bytes(-7)
		if err := got.UnmarshalText([]byte(text)); err == nil || got != -7 {
			t.Errorf("%q: accepted as %d", text, got)
		}
	}
}
