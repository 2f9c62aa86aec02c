package cli

import (
	"fmt"
	"slices"
	"strings"
)

// bashCompletion is a function for bash. Behind a flag whose value may be anything it leaves the word to
// bash, which completes files.
func bashCompletion(all []place) string {
	var b strings.Builder
	b.WriteString(`# bash completion for lensbus; made from its command line.
_lensbus() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} path= word
	COMPREPLY=()
	# --flag=value is three words here.
	if [[ $cur == = ]]; then
		cur=
	elif [[ $prev == = ]]; then
		prev=${COMP_WORDS[COMP_CWORD-2]}
	fi
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		case "$path $word" in
`)
	paths := make([]string, 0, len(all))
	for _, p := range all[1:] {
		paths = append(paths, fmt.Sprintf("%q", p.path))
	}
	fmt.Fprintf(&b, "\t\t%s) path=\"$path $word\" ;;\n\t\tesac\n\tdone\n", strings.Join(paths, "|"))
	b.WriteString("\tlocal words= values=\n\tcase \"$path\" in\n")
	for _, p := range all {
		var words, values []string
		var one strings.Builder // what is offered behind one word only
		for _, c := range p.commands {
			words = append(words, c.word)
		}
		for _, f := range p.flags {
			words = append(words, f.long)
			names := strings.Trim(f.long+"|"+f.short, "|")
			switch {
			case f.value == nil:
			case len(f.value.words) > 0:
				fmt.Fprintf(&one, " %s) words=%q ;;", names, strings.Join(f.value.words, " "))
			default:
				values = append(values, strings.Split(names, "|")...)
			}
		}
		// The first argument comes behind the command.
		if len(p.args) > 0 && len(p.args[0].words) > 0 {
			fmt.Fprintf(&one, " %s) words=\"%s $words\" ;;", p.path[strings.LastIndex(p.path, " ")+1:], strings.Join(p.args[0].words, " "))
		}
		slices.Sort(values)
		fmt.Fprintf(&b, "\t%q)\n\t\twords=%q\n\t\tvalues=%q\n", p.path, strings.Join(words, " "), " "+strings.Join(values, " ")+" ")
		if one.Len() > 0 {
			fmt.Fprintf(&b, "\t\tcase $prev in%s esac\n", &one)
		}
		b.WriteString("\t\t;;\n")
	}
	b.WriteString(`	esac
	[[ $values == *" $prev "* ]] && return
	COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _lensbus lensbus
`)
	return b.String()
}
