package cli

import (
	"fmt"
	"strings"
)

// zshCompletion is a file for a folder of zsh's fpath: a function for each command.
func zshCompletion(all []place) string {
	var b strings.Builder
	b.WriteString("#compdef lensbus\n# zsh completion for lensbus; made from its command line.\n")
	for _, p := range all {
		fmt.Fprintf(&b, "\n%s() {\n", zshFunction(p.path))
		if len(p.commands) > 0 {
			b.WriteString("\tlocal curcontext=$curcontext state line ret=1\n\ttypeset -A opt_args\n")
		}
		b.WriteString("\t_arguments -S -C")
		for _, f := range p.flags {
			for _, spec := range zshFlag(f) {
				b.WriteString(" \\\n\t\t" + zshQuoted(spec))
			}
		}
		if len(p.commands) > 0 {
			b.WriteString(" \\\n\t\t'1: :->command' \\\n\t\t'*:: :->rest' && ret=0\n\tcase $state in\n\tcommand)\n\t\tlocal -a commands=(\n")
			for _, c := range p.commands {
				fmt.Fprintf(&b, "\t\t\t%s\n", zshQuoted(c.word+":"+strings.ReplaceAll(sentence(c.help), `\`, `\\`)))
			}
			b.WriteString("\t\t)\n\t\t_describe -t commands command commands && ret=0\n\t\t;;\n\trest)\n\t\tcase $line[1] in\n")
			for _, c := range p.commands {
				fmt.Fprintf(&b, "\t\t%s) %s && ret=0 ;;\n", c.word, zshFunction(p.path+" "+c.word))
			}
			b.WriteString("\t\tesac\n\t\t;;\n\tesac\n\treturn ret\n")
		} else {
			for i, arg := range p.args {
				at := fmt.Sprint(i + 1)
				if arg.many {
					at = "*"
				} else if !arg.needed {
					at += ":" // an optional one has two colons
				}
				b.WriteString(" \\\n\t\t" + zshQuoted(at+zshValue(arg)))
			}
			b.WriteString("\n")
		}
		b.WriteString("}\n")
	}
	// zsh reads the file as the function's body the first time; other people read it with source.
	b.WriteString("\nif [[ $funcstack[1] == _lensbus ]]; then\n\t_lensbus \"$@\"\nelse\n\tcompdef _lensbus lensbus\nfi\n")
	return b.String()
}

func zshFunction(path string) string {
	return "_lensbus" + strings.NewReplacer(" ", "_", "-", "_").Replace(path)
}

// zshFlag are a flag's specifications for _arguments: one for each of its names.
func zshFlag(f flagged) []string {
	apart, value, short, long := "", "", f.short, f.long
	switch {
	case f.many:
		apart = "*"
	case f.short != "":
		apart = "(" + f.short + " " + f.long + ")"
	default:
		apart = "(" + f.long + ")"
	}
	if f.value != nil {
		value, long, short = zshValue(*f.value), long+"=", short+"+"
	}
	help := "[" + zshText(sentence(f.help)) + "]"
	specs := []string{apart + long + help + value}
	if f.short != "" {
		specs = append(specs, apart+short+help+value)
	}
	return specs
}

// zshValue is what _arguments is told of a value: what it is called, and what to offer.
func zshValue(v valued) string {
	message := ":" + zshText(v.name) + ":"
	switch {
	case len(v.words) > 0:
		return message + "(" + strings.Join(v.words, " ") + ")"
	case v.files():
		return message + "_files"
	case v.folder():
		return message + "_files -/"
	}
	return message + " "
}

// zshText is text within a specification.
func zshText(text string) string {
	return strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`, ":", `\:`).Replace(text)
}

// zshQuoted is a word that zsh takes as it is.
func zshQuoted(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
