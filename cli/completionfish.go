package cli

import (
	"fmt"
	"strings"
)

// fishCompletion is a file of fish's `complete` commands.
func fishCompletion(all []place) string {
	var b strings.Builder
	b.WriteString(`# fish completion for lensbus; made from its command line.

# Whether the words before the cursor are of that command, and end with that word, if one is given.
function __lensbus_at
    set -l at ''
    set -l words (commandline -opc)
    set -e words[1]
    for word in $words
        switch "$at $word"
            case`)
	for _, p := range all[1:] {
		b.WriteString(" " + fishQuoted(p.path))
	}
	b.WriteString(`
                set at "$at $word"
        end
    end
    test "$at" = "$argv[1]"
    and begin
        test (count $argv) -lt 2
        or test "$words[-1]" = "$argv[2]"
    end
end

complete -c lensbus -f
`)
	for _, p := range all {
		at := "complete -c lensbus -n " + fishQuoted("__lensbus_at "+fishQuoted(p.path))
		b.WriteString("\n")
		for _, c := range p.commands {
			fmt.Fprintf(&b, "%s -a %s -d %s\n", at, c.word, fishQuoted(sentence(c.help)))
		}
		// The first argument comes behind the command.
		if len(p.args) > 0 && len(p.args[0].words) > 0 {
			word := p.path[strings.LastIndex(p.path, " ")+1:]
			fmt.Fprintf(&b, "complete -c lensbus -n %s -a %s\n", fishQuoted("__lensbus_at "+fishQuoted(p.path)+" "+word), fishQuoted(strings.Join(p.args[0].words, " ")))
		}
		for _, f := range p.flags {
			fmt.Fprintf(&b, "%s -l %s", at, f.long[2:])
			if f.short != "" {
				fmt.Fprintf(&b, " -s %s", f.short[1:])
			}
			switch {
			case f.value == nil:
			case len(f.value.words) > 0:
				fmt.Fprintf(&b, " -x -a %s", fishQuoted(strings.Join(f.value.words, " ")))
			case f.value.files():
				b.WriteString(" -r -F")
			case f.value.folder():
				b.WriteString(" -x -a '(__fish_complete_directories)'")
			default:
				b.WriteString(" -x")
			}
			fmt.Fprintf(&b, " -d %s\n", fishQuoted(sentence(f.help)))
		}
	}
	return b.String()
}

// fishQuoted is a word that fish takes as it is.
func fishQuoted(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}
