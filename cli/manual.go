package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"
)

// manualCommand writes what a package of the program has besides the program, from the same grammar as
// --help: pages for man, and what bash, zsh and fish complete.
type manualCommand struct {
	Dir string `required:"" placeholder:"DIR" help:"Write lensbus.1, lensbus-COMMAND.1 for each command, and the completions lensbus.bash, _lensbus of zsh and lensbus.fish there."`
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
	all := places(root)
	return errors.Join(
		write(filepath.Join(c.Dir, "lensbus.bash"), bashCompletion(all)),
		write(filepath.Join(c.Dir, "_lensbus"), zshCompletion(all)),
		write(filepath.Join(c.Dir, "lensbus.fish"), fishCompletion(all)),
	)
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
