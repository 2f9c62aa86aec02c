package window

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/viewer"
)

// facts are what a tile says about its camera.
type facts struct {
	fps     float64
	age     time.Duration // of the picture that is shown
	within  time.Duration // how far age may be wrong; 0: not known
	missed  uint64        // frames that were sent and did not arrive
	damaged uint64        // frames that arrived and could not be decoded
	slow    bool          // the link is slower than the stream
}

// label is the line over a live picture, the more important first: what does not fit is left out
// from the end.
func (f facts) label() []words {
	line := []words{
		{text: fpsText(f.fps), ink: inkPlain},
		{text: ageText(f.age) + withinText(f.age, f.within), ink: inkPlain},
	}
	if f.slow {
		line = append(line, words{text: "slow link: newest only", ink: inkWarning})
	}
	if f.missed > 0 {
		line = append(line, words{text: fmt.Sprintf("%d missed", f.missed), ink: inkWarning})
	}
	if f.damaged > 0 {
		line = append(line, words{text: fmt.Sprintf("%d damaged", f.damaged), ink: inkWarning})
	}
	return line
}

func fpsText(fps float64) string {
	if fps < 9.95 {
		return fmt.Sprintf("%.1f fps", fps)
	}
	return fmt.Sprintf("%.0f fps", fps)
}

// ageText is as exact as a person can use it.
func ageText(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", max(d, 0).Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Truncate(100*time.Millisecond).Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// withinText is how far an age may be wrong, in its unit and rounded up; "" where that is not known,
// or is less than what is shown of the age.
func withinText(age, within time.Duration) string {
	switch {
	case within <= 0:
		return ""
	case age < time.Second:
		return fmt.Sprintf(" ±%d", max(1, (within+time.Millisecond-1).Milliseconds()))
	case age < 10*time.Second && within >= 50*time.Millisecond:
		return fmt.Sprintf(" ±%.1f", within.Seconds()+0.05)
	}
	return ""
}

// offline says in one line why there is no connection: refusal is the server's, nil where there is none.
func offline(refusal error) string {
	if refusal != nil {
		return refusal.Error()
	}
	return "no connection to the server"
}

// why says in one line why no pictures come, as far as this end can know. offline is why there is no
// connection, "" with one; camera is nil where no status of it has come.
func why(offline string, camera *viewer.Camera) string {
	switch {
	case offline != "":
		return offline
	case camera == nil:
		return "nobody publishes it"
	case camera.Silent:
		return "its publisher is silent"
	case camera.State == frame.StateLive:
		return "its publisher sends, but nothing arrives here"
	case camera.Reason != "":
		return clean(string(camera.State)) + ": " + clean(camera.Reason)
	}
	return clean(string(camera.State))
}

// mostReason bounds what a publisher can write into the window, in characters.
const mostReason = 200

// clean makes text of strangers fit for one line.
func clean(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > mostReason {
			b.WriteRune('…')
			break
		}
		if !unicode.IsPrint(r) {
			r = ' '
		}
		b.WriteRune(r)
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
