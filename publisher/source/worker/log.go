package worker

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
)

// log passes one record of the child's on, scrubbed.
func (w *worker) log(payload []byte) {
	var record map[string]any
	if json.Unmarshal(payload, &record) != nil {
		return // not worth ending a camera for
	}
	var level slog.Level
	if level.UnmarshalText([]byte(fmt.Sprint(record[slog.LevelKey]))) != nil {
		level = slog.LevelDebug
	}
	if !w.env.Log.Enabled(context.Background(), level) {
		return
	}
	message := clip(w.spec.Scrub(fmt.Sprint(record[slog.MessageKey])))
	delete(record, slog.TimeKey)
	delete(record, slog.LevelKey)
	delete(record, slog.MessageKey)
	attrs := make([]slog.Attr, 0, len(record))
	for _, key := range slices.Sorted(maps.Keys(record)) {
		attrs = append(attrs, slog.String(clip(w.spec.Scrub(key)), clip(w.spec.Scrub(fmt.Sprint(record[key])))))
	}
	w.env.Log.LogAttrs(context.Background(), level, message, attrs...)
}

// listen reads what the child and its native code write to standard error: at debug level, scrubbed.
func (w *worker) listen() {
	defer close(w.heard)
	lines := bufio.NewReaderSize(w.process.stderr, maxText)
	for {
		// Of a line that is longer than the buffer, the rest is left out. It is scrubbed before it is
		// cut to what is shown, so that no credential is cut in half and missed.
		line, err := lines.ReadSlice('\n')
		if text := strings.TrimSpace(string(line)); text != "" {
			w.said(text)
		}
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = lines.ReadSlice('\n')
		}
		if err != nil {
			return
		}
	}
}

func (w *worker) said(line string) {
	w.mu.Lock()
	crash := w.hint == "" && tellsOfCrash(line)
	w.mu.Unlock()
	if !crash && !w.env.Log.Enabled(context.Background(), slog.LevelDebug) {
		return // scrubbing costs more than a chatty library is worth
	}
	line = clip(w.spec.Scrub(line))
	if crash {
		w.mu.Lock()
		w.hint = line
		w.mu.Unlock()
	}
	w.env.Log.LogAttrs(context.Background(), slog.LevelDebug, "capture process wrote", slog.String("line", line))
}

// tellsOfCrash knows the first line of what Go's and C++'s runtimes write about their end.
func tellsOfCrash(line string) bool {
	for _, prefix := range []string{"SIG", "panic: ", "fatal error: ", "runtime: ", "terminate called", "double free", "malloc(", "free()", "corrupted ", "*** "} {
		if strings.HasPrefix(line, prefix) {
			return true
		}
	}
	return false
}

// clip keeps one line of a stranger's text short and printable.
func clip(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7F {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if runes := []rune(text); len(runes) > maxLogLine {
		return string(runes[:maxLogLine]) + "…"
	}
	return text
}
