package cli

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// place is what a shell may offer at one command. Every shell's completion is made from the places of the
// grammar, so that none knows a command or flag that another does not.
type place struct {
	path     string    // " auth page add"; "" before any command
	commands []choice  // the ones below it
	flags    []flagged // its own, and those of the commands above
	args     []valued  // its positional arguments, in order
}

// choice is one word, and what help says of it.
type choice struct{ word, help string }

// valued is a value that the user types.
type valued struct {
	name   string   // as help shows it, such as FILE
	words  []string // what it must be one of; none: anything
	many   bool     // it may be there more than once
	needed bool
}

// files says whether it is the path of a file, and folder whether of a folder.
func (v valued) files() bool  { return v.name == "FILE" || strings.HasPrefix(v.name, "F.") }
func (v valued) folder() bool { return v.name == "DIR" }

// flagged is a flag.
type flagged struct {
	long, short string // --config; -c or ""
	help        string
	value       *valued // nil: a switch
	many        bool
}

// places are those of a grammar, the root first, each command before what is below it.
func places(root *kong.Node) (all []place) {
	var walk func(n *kong.Node, path string)
	walk = func(n *kong.Node, path string) {
		here := place{path: path}
		for _, child := range visible(n) {
			here.commands = append(here.commands, choice{child.Name, child.Help})
		}
		for _, flag := range slices.Concat(n.AllFlags(true)...) {
			here.flags = append(here.flags, flagOf(flag))
		}
		for _, p := range n.Positional {
			here.args = append(here.args, valued{name: p.Name, words: wordsOf(p), many: p.IsCumulative(), needed: p.Required})
		}
		all = append(all, here)
		for _, child := range visible(n) {
			walk(child, path+" "+child.Name)
		}
	}
	walk(root, "")
	return all
}

func flagOf(flag *kong.Flag) flagged {
	f := flagged{long: "--" + flag.Name, help: flag.Help, many: flag.IsCumulative()}
	if flag.Short != 0 {
		f.short = "-" + string(flag.Short)
	}
	if !flag.IsBool() && !flag.IsCounter() {
		f.value = &valued{name: flag.FormatPlaceHolder(), words: wordsOf(flag.Value)}
	}
	return f
}

func wordsOf(v *kong.Value) []string {
	if v.Enum == "" {
		return nil
	}
	return v.EnumSlice()
}

// sentence is the beginning of a help text that fits beside a word: up to the first full stop or semicolon
// that ends a thought.
func sentence(help string) string {
	for i, c := range help {
		if (c == '.' || c == ';') && (i+1 == len(help) || help[i+1] == ' ') {
			return help[:i]
		}
	}
	return help
}
