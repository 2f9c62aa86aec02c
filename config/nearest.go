package config

import "slices"

// nearest returns the known word that was probably meant by s, "" when none is close.
func nearest(s string, known []string) string {
	best, found := max(1, len(s)/3)+1, ""
	for _, word := range known {
		if n := distance(s, word); n < best {
			best, found = n, word
		}
	}
	return found
}

// distance is how many letters to insert, remove, replace or swap with the next to get from a to b.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return len(a) + len(b)
	}
	var beforeLast, last []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		beforeLast, last = last, slices.Clone(row)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], beforeLast[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
