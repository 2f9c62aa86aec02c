package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/lensbus/lensbus/frame"
)

// printDetail prints a camera's settings and, of its controls, those of the given names; where none
// is given, all controls and sizes.
func printDetail(w io.Writer, d frame.Detail, changed []string) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(cells ...string) { _, _ = fmt.Fprintln(out, strings.Join(cells, "\t")) } // Flush tells
	orDash := func(text string) string {
		if text == "" || text == "0" {
			return "-"
		}
		return text
	}
	real := func(text string) string {
		if d.Status.Sent == 0 {
			return "-"
		}
		return text
	}
	state := plain(string(d.Status.State))
	if d.Status.Reason != "" {
		state += ": " + plain(d.Status.Reason)
	}
	saved := "no"
	if d.Saved {
		saved = "yes"
	}
	line("SETTING", "ASKED", "REAL")
	line("size", sizeText(d.Settings.Width, d.Settings.Height), real(sizeText(d.Status.Width, d.Status.Height)))
	line("fps", orDash(strconv.FormatFloat(d.Settings.FPS, 'f', -1, 64)), real(short(d.Status.FPS)))
	quality := orDash(strconv.Itoa(d.Settings.Quality))
	if d.Status.Untouched {
		line("quality", quality, "the camera's own")
	} else {
		line("quality", quality, "")
	}
	if d.Status.Sealed {
		line("sealed", "yes", "yes")
	}
	line("saved", saved, "")
	line("state", state, "")
	for _, warning := range d.Status.Warnings {
		line("warning", plain(warning), "")
	}
	if err := flush(out); err != nil {
		return err
	}
	return printOffers(w, d, changed)
}

// printOffers prints the second and the third table of printDetail, where there is something in them.
func printOffers(w io.Writer, d frame.Detail, changed []string) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(cells ...string) { _, _ = fmt.Fprintln(out, strings.Join(cells, "\t")) } // Flush tells
	head := false
	for _, c := range d.Controls {
		if len(changed) > 0 && !slices.Contains(changed, c.Name) {
			continue
		}
		if !head {
			line("")
			line("CONTROL", "VALUE", "DEFAULT", "RANGE", "")
			head = true
		}
		line(plain(c.Name), valueText(c, c.Value), valueText(c, c.Default), rangeText(c), plain(c.Inactive))
	}
	if len(changed) == 0 && len(d.Sizes) > 0 {
		line("")
		line("FORMAT", "SIZE", "FPS")
		for _, s := range d.Sizes {
			var rates []string
			for _, fps := range s.FPS {
				rates = append(rates, strconv.FormatFloat(fps, 'f', -1, 64))
			}
			line(plain(s.Format), sizeText(s.Width, s.Height), plain(strings.Join(rates, " ")))
		}
	}
	return flush(out)
}

func flush(out *tabwriter.Writer) error {
	if err := out.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// valueText is a control's value as people give it.
func valueText(c frame.Control, value int64) string {
	switch text, ok := c.Menu[value]; {
	case ok:
		return fmt.Sprintf("%d (%s)", value, plain(text))
	case c.Type == "button":
		return "-"
	}
	return strconv.FormatInt(value, 10)
}

// rangeText is what a control takes.
func rangeText(c frame.Control) string {
	switch {
	case len(c.Menu) > 0:
		var choices []string
		for _, value := range slices.Sorted(maps.Keys(c.Menu)) {
			choices = append(choices, valueText(c, value))
		}
		return strings.Join(choices, ", ")
	case c.Type == "bool":
		return "0 or 1"
	case c.Type == "button":
		return "1 presses it"
	case c.Step > 1:
		return fmt.Sprintf("%d to %d in steps of %d", c.Min, c.Max, c.Step)
	}
	return fmt.Sprintf("%d to %d", c.Min, c.Max)
}

func controlNames(controls []frame.Control) string {
	const most = 40
	var names []string
	for _, c := range controls {
		if len(names) == most {
			names = append(names, "…")
			break
		}
		names = append(names, plain(c.Name))
	}
	return strings.Join(names, ", ")
}
