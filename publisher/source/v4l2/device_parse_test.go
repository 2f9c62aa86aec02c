//go:build v4l2 && linux

package v4l2

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lensbus/lensbus/frame"
)

// parseControls reads what v4l2-ctl --list-ctrls-menus prints, as far as it is about controls of ours.
func parseControls(t *testing.T, text string) []frame.Control {
	t.Helper()
	control := regexp.MustCompile(`^\s+(\w+) 0x([0-9a-f]{8}) \((\w+)\)\s*: (.*)$`)
	item := regexp.MustCompile(`^\t+(\d+): (.*)$`)
	types := map[string]string{"int": "int", "int64": "int", "bool": "bool", "menu": "menu", "intmenu": "menu", "button": "button"}
	list := []frame.Control{}
	ours, numbers := false, false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if m := item.FindStringSubmatch(line); m != nil {
			if !ours {
				continue
			}
			if numbers {
				m[2], _, _ = strings.Cut(m[2], " (")
			}
			list[len(list)-1].Menu[number(t, m[1])] = m[2]
			continue
		}
		m := control.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		id, err := strconv.ParseUint(m[2], 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		ours = types[m[3]] != "" && slices.Contains([]uint64{classUser, classCamera, classJPEG, classImageSource, classImageProc}, id&classMask)
		numbers = m[3] == "intmenu"
		if !ours {
			continue
		}
		c := frame.Control{Name: m[1], Type: types[m[3]]}
		switch c.Type {
		case "bool":
			c.Max, c.Step = 1, 1
		case "menu":
			c.Step, c.Menu = 1, map[int64]string{}
		}
		values, flags, _ := strings.Cut(m[4], "flags=")
		for field := range strings.FieldsSeq(values) {
			name, value, _ := strings.Cut(field, "=")
			if to := map[string]*int64{"min": &c.Min, "max": &c.Max, "step": &c.Step, "default": &c.Default, "value": &c.Value}[name]; to != nil {
				*to = number(t, value)
			}
		}
		for _, flag := range strings.Split(flags, ", ") {
			if flag == "read-only" || flag == "inactive" {
				c.Inactive = flag
			}
		}
		list = append(list, c)
	}
	return list
}

func number(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// parseSizes reads what v4l2-ctl --list-formats-ext prints.
func parseSizes(t *testing.T, text string) []frame.Size {
	t.Helper()
	name := regexp.MustCompile(`^\s*\[\d+\]: '(.{4})' \(`)
	size := regexp.MustCompile(`^\s*Size: Discrete (\d+)x(\d+)$`)
	interval := regexp.MustCompile(`^\s*Interval: Discrete .*\(([0-9.]+) fps\)$`)
	list := []frame.Size{}
	format := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if strings.Contains(line, "Stepwise") || strings.Contains(line, "Continuous") {
			t.Fatalf("a range, which this does not read: %s", line)
		}
		if m := name.FindStringSubmatch(line); m != nil {
			format = strings.TrimSpace(m[1])
		} else if strings.Contains(line, "]: '") {
			format = "" // such as 'Y16 -BE', whose code is no four characters
		} else if m := size.FindStringSubmatch(line); m != nil && format != "" {
			list = append(list, frame.Size{Width: int(number(t, m[1])), Height: int(number(t, m[2])), Format: format})
		} else if m := interval.FindStringSubmatch(line); m != nil && format != "" {
			fps, err := strconv.ParseFloat(m[1], 64)
			if err != nil {
				t.Fatal(err)
			}
			last := &list[len(list)-1]
			last.FPS = append(last.FPS, fps)
		}
	}
	for _, s := range list {
		slices.Sort(s.FPS)
	}
	return list
}
