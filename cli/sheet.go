package cli

import (
	"slices"
	"strings"
	"unicode"
)

// column is one column of a table of cameras.
type column struct {
	title string
	right bool // numbers
	text  func(camera) string
	// order sorts by this column, what needs looking at first; nil where there is nothing to sort.
	order func(a, b camera) int
	// spare says how soon a terminal that is too narrow goes without it; 0 is never.
	spare int
	// least is the width down to which its texts may be cut, for the last column; 0: not at all.
	least int
	// optional goes without a column in which nothing is said.
	optional bool
}

// sheet is a table of cameras laid out for a width.
type sheet struct {
	columns []column
	widths  []int
	gap     string
}

// lay fits the columns to width, 0 being as wide as they are: first with less space between, then
// without the columns that can be spared. What the last one has to say may be cut short.
func lay(columns []column, cameras []camera, width int) sheet {
	s := sheet{gap: "  "}
	for _, c := range columns {
		wide := 0
		for _, camera := range cameras {
			wide = max(wide, displayWidth(c.text(camera)))
		}
		if wide == 0 && c.optional {
			continue
		}
		s.columns, s.widths = append(s.columns, c), append(s.widths, max(wide, displayWidth(c.title)))
	}
	for width > 0 && s.width() > width {
		last := len(s.columns) - 1
		if rest := s.widths[last] - (s.width() - width); s.columns[last].least > 0 && rest >= s.columns[last].least {
			s.widths[last] = rest
			break
		}
		if s.gap == "  " {
			s.gap = " "
			continue
		}
		most := 0
		for i, c := range s.columns {
			if c.spare > s.columns[most].spare {
				most = i
			}
		}
		if s.columns[most].spare == 0 {
			break
		}
		s.columns, s.widths = slices.Delete(s.columns, most, most+1), slices.Delete(s.widths, most, most+1)
		s.gap = "  "
	}
	return s
}

// width is that of the longest line.
func (s sheet) width() int {
	total := len(s.gap) * (len(s.widths) - 1)
	for _, w := range s.widths {
		total += w
	}
	return total
}

// head is the line of titles.
func (s sheet) head(paint func(title, cell string) string) string {
	return s.join(func(c column) string { return c.title }, paint)
}

// line is a camera's line. paint may add colour to a cell, which has its full width by then; nil
// leaves it.
func (s sheet) line(row camera, paint func(title, cell string) string) string {
	return s.join(func(c column) string { return c.text(row) }, paint)
}

func (s sheet) join(text func(column) string, paint func(title, cell string) string) string {
	var b strings.Builder
	for i, c := range s.columns {
		if i > 0 {
			b.WriteString(s.gap)
		}
		cell := cut(text(c), s.widths[i])
		space := strings.Repeat(" ", max(0, s.widths[i]-displayWidth(cell)))
		switch {
		case c.right:
			cell = space + cell
		case i < len(s.columns)-1: // no spaces at the end of a line
			cell += space
		}
		if paint != nil {
			cell = paint(c.title, cell)
		}
		b.WriteString(cell)
	}
	return strings.TrimRight(b.String(), " ")
}

// displayWidth is how many columns of a terminal a text takes.
func displayWidth(text string) int {
	n := 0
	for _, r := range text {
		n += runeWidth(r)
	}
	return n
}

func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf, r >= 0xac00 && r <= 0xd7a3,
		r >= 0xf900 && r <= 0xfaff, r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60,
		r >= 0xffe0 && r <= 0xffe6, r >= 0x1f300 && r <= 0x1faff, r >= 0x20000:
		return 2 // East Asian wide characters and pictures
	}
	return 1
}

// cut shortens a text without colours to a width.
func cut(text string, width int) string {
	if displayWidth(text) <= width {
		return text
	}
	n := 0
	for i, r := range text {
		if n += runeWidth(r); n > width-1 {
			return text[:i] + "…"
		}
	}
	return text
}

// plain keeps what a stranger on the bus sends from moving a terminal's cursor or a table's columns.
func plain(text string) string { return cut(printable(text), 80) }
