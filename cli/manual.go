package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// manualCommand writes what a package of the program has besides the program, from the same grammar as
// --help: pages for man, and what bash completes.
type manualCommand struct {
	Dir  string `required:"" placeholder:"DIR" help:"Write lensbus.1, and lensbus-COMMAND.1 for each command, there."`
	Bash string `placeholder:"FILE" help:"Write bash's completion there."`
}

func (c *manualCommand) Run(s *session, k *kong.Context) error {
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return fmt.Errorf("manual: %w", err)
	}
	write := func(path, text string) error {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil { // for everybody to read
			return fmt.Errorf("manual: %w", err)
		}
		return nil
	}
	root, version := k.Model.Node, s.Version
	if err := write(filepath.Join(c.Dir, "lensbus.1"), overview(root, version)); err != nil {
		return err
	}
	for _, command := range visible(root) {
		if err := write(filepath.Join(c.Dir, "lensbus-"+command.Name+".1"), commandPage(root, command, version)); err != nil {
			return err
		}
	}
	if c.Bash == "" {
		return nil
	}
	return write(c.Bash, completion(root))
}

// visible are the commands below a node that help lists.
func visible(n *kong.Node) (children []*kong.Node) {
	for _, child := range n.Children {
		if !child.Hidden {
			children = append(children, child)
		}
	}
	return children
}

func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "…", "...").Replace(text)
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	return text
}

func heading(page, version, what string) string {
	return fmt.Sprintf(".TH %s 1 \"\" \"lensbus %s\" \"lensbus\"\n.SH NAME\n%s \\- %s\n",
		strings.ToUpper(page), roff(version), roff(page), roff(strings.TrimSuffix(what, ".")))
}

func overview(root *kong.Node, version string) string {
	var b strings.Builder
	b.WriteString(heading("lensbus", version, "live camera pictures over NATS"))
	b.WriteString(".SH SYNOPSIS\n.B lensbus\n.I COMMAND\n[flags]\n.SH DESCRIPTION\n" +
		roff("Publishers send cameras' pictures to a NATS server, viewers and recorders take them from there. Each command has a page of its own, such as lensbus-up(1).") +
		"\n.PP\n" + roff("Flags go before environment variables, those before the file given with -c, that before the defaults. Results go to standard output, the log and errors to standard error.") +
		"\n.SH COMMANDS\n")
	for _, command := range visible(root) {
		fmt.Fprintf(&b, ".TP\n.BR lensbus\\-%s (1)\n%s\n", roff(command.Name), roff(command.Help))
	}
	b.WriteString(".SH OPTIONS\n")
	options(&b, root.Flags)
	b.WriteString(".SH EXIT STATUS\n.TP\n.B 0\nDone, or ended by one signal.\n.TP\n.B 1\nFailed.\n.TP\n.B 2\nWrong usage, or a wrong file.\n.TP\n.B 130\nEnded by a second signal, or by one before there was an answer.\n")
	return b.String()
}

func commandPage(root, command *kong.Node, version string) string {
	var b strings.Builder
	b.WriteString(heading("lensbus-"+command.Name, version, command.Help))
	leaves := leavesOf(command)
	b.WriteString(".SH SYNOPSIS\n")
	for i, leaf := range leaves {
		if i > 0 {
			b.WriteString(".br\n")
		}
		fmt.Fprintf(&b, ".B lensbus %s\n[flags]%s\n", roff(leaf.name), roff(positionals(leaf.node)))
	}
	b.WriteString(".SH DESCRIPTION\n" + roff(command.Help) + "\n")
	for _, leaf := range leaves {
		if leaf.node == command {
			b.WriteString(".SH OPTIONS\n")
		} else {
			fmt.Fprintf(&b, ".SH \"%s\"\n%s\n", strings.ToUpper(roff(leaf.name)), roff(leaf.node.Help))
		}
		for _, p := range leaf.node.Positional {
			fmt.Fprintf(&b, ".TP\n.I %s\n%s\n", roff(p.Summary()), roff(p.Help))
		}
		options(&b, leaf.node.Flags)
	}
	b.WriteString(".SH SEE ALSO\n.BR lensbus (1)")
	for _, other := range visible(root) {
		if other != command {
			fmt.Fprintf(&b, ",\n.BR lensbus\\-%s (1)", roff(other.Name))
		}
	}
	b.WriteString("\n")
	return b.String()
}

// leaf is a command that does something; auth has many.
type leaf struct {
	name string
	node *kong.Node
}

func leavesOf(command *kong.Node) (all []leaf) {
	var walk func(n *kong.Node, name string)
	walk = func(n *kong.Node, name string) {
		children := visible(n)
		if len(children) == 0 {
			all = append(all, leaf{name, n})
		}
		for _, child := range children {
			walk(child, name+" "+child.Name)
		}
	}
	walk(command, command.Name)
	return all
}

func positionals(n *kong.Node) string {
	text := ""
	for _, p := range n.Positional {
		text += " " + p.Summary()
	}
	return text
}

func options(b *strings.Builder, flags []*kong.Flag) {
	for _, flag := range flags {
		if flag.Hidden {
			continue
		}
		name := "--" + flag.Name
		if flag.Short != 0 {
			name = "-" + string(flag.Short) + ", " + name
		}
		fmt.Fprintf(b, ".TP\n.B %s", roff(name))
		if !flag.IsBool() && !flag.IsCounter() {
			fmt.Fprintf(b, "=%s", roff(flag.FormatPlaceHolder()))
		}
		fmt.Fprintf(b, "\n%s\n", roff(flag.Help))
		if len(flag.Envs) > 0 {
			fmt.Fprintf(b, "Environment:\n.BR %s .\n", roff(strings.Join(flag.Envs, ", ")))
		}
	}
}

// completion is a function for bash that knows each command's subcommands and flags. Behind a flag that
// takes a value it leaves the word to bash, which completes files.
func completion(root *kong.Node) string {
	var b strings.Builder
	b.WriteString(`# bash completion for lensbus; made from its command line.
_lensbus() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} path= word
	COMPREPLY=()
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		case "$path $word" in
`)
	var paths []string
	nodes := map[string]*kong.Node{"": root}
	var walk func(n *kong.Node, path string)
	walk = func(n *kong.Node, path string) {
		for _, child := range visible(n) {
			next := path + " " + child.Name
			paths, nodes[next] = append(paths, next), child
			walk(child, next)
		}
	}
	walk(root, "")
	fmt.Fprintf(&b, "\t\t%s) path=\"$path $word\" ;;\n\t\tesac\n\tdone\n", `"`+strings.Join(paths, `"|"`)+`"`)
	b.WriteString("\tlocal words= values=\n\tcase \"$path\" in\n")
	for _, path := range append([]string{""}, paths...) {
		var words, values []string
		for _, child := range visible(nodes[path]) {
			words = append(words, child.Name)
		}
		for _, group := range nodes[path].AllFlags(true) {
			for _, flag := range group {
				words = append(words, "--"+flag.Name)
				if !flag.IsBool() {
					values = append(values, "--"+flag.Name)
					if flag.Short != 0 {
						values = append(values, "-"+string(flag.Short))
					}
				}
			}
		}
		slices.Sort(values)
		fmt.Fprintf(&b, "\t%q) words=%q values=%q ;;\n", path, strings.Join(words, " "), " "+strings.Join(values, " ")+" ")
	}
	b.WriteString(`	esac
	[[ $values == *" $prev "* ]] && return
	COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _lensbus lensbus
`)
	return b.String()
}
