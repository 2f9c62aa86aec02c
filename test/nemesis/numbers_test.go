package nemesis

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ask gets a page from where the recorder serves its numbers; status 0 where it does not answer.
func (s *system) ask(path string) (status int, text string) {
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + s.numbers + path)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, ""
	}
	return answer.StatusCode, string(body)
}

// ready is what the recorder answers when it is asked whether it records.
func (s *system) ready() int {
	status, _ := s.ask("/readyz")
	return status
}

// number is the sum of the recorder's numbers of that name, for all cameras; 0 where it does not answer.
func (s *system) number(name string) (sum float64) {
	_, text := s.ask("/metrics")
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name+"{"); ok {
			_, value, _ := strings.Cut(rest, "} ")
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				s.t.Errorf("%v in %q", err, line)
			}
			sum += n
		}
	}
	return sum
}
