// Package cli is the command line: it turns arguments, environment and the configuration file into
// the roles' Configs, wires the roles together, and ends them in time.
//
// It is the one place that knows more than one role. What a role does, what its settings mean and
// whether they are right is the role's own affair; nothing of that belongs here.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/lensbus/lensbus/publisher/source"
)

// Exit codes of the program.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130 // a second Ctrl+C, or one before a question had its answer
)

// Program is one run of lensbus.
type Program struct {
	Version string   // for people: v1.2.3, or a commit
	Args    []string // without the program's name
	Stdin   io.Reader
	Stdout  io.Writer // results
	Stderr  io.Writer // the log, and what went wrong
}

// grammar is the command line: commands in the order in which help shows them. A field's env is
// its variable; flags that two commands share have the same one.
type grammar struct {
	LogLevel string           `enum:"debug,info,warn,error" default:"info" env:"LENSBUS_LOG_LEVEL" placeholder:"LEVEL" help:"Log to standard error from this level on: debug, info, warn or error. Default info."`
	Version  kong.VersionFlag `help:"Print the version."`

	Up            upCommand        `cmd:"" help:"Broker, cameras and page in one process; without a file a demo with test pictures."`
	Broker        brokerCommand    `cmd:"" help:"The NATS server alone."`
	Publish       publishCommand   `cmd:"" help:"Cameras to the broker."`
	View          viewCommand      `cmd:"" help:"Watch cameras in a desktop window."`
	Web           webCommand       `cmd:"" help:"Watch cameras in a browser: serve the page and the HTTP interface."`
	Record        recordCommand    `cmd:"" help:"Recorded cameras to files."`
	Cameras       camerasCommand   `cmd:"" help:"List the cameras that are published."`
	Set           setCommand       `cmd:"" help:"Show or change a camera's settings while it runs."`
	Top           topCommand       `cmd:"" help:"A live table of all cameras in the terminal."`
	Provision     provisionCommand `cmd:"" help:"Make the streams of recorded cameras on a NATS server of your own."`
	Snapshot      snapshotCommand  `cmd:"" help:"Save a camera's newest picture."`
	Export        exportCommand    `cmd:"" help:"Save recorded pictures as a video file."`
	Doctor        doctorCommand    `cmd:"" help:"Find out what is wrong here, and what to do about it."`
	Bench         benchCommand     `cmd:"" help:"Measure what a broker and the way to it carry, with cameras that are not there."`
	Auth          authCommand      `cmd:"" help:"Users of a broker of one's own: who may publish, watch, record."`
	Health        healthCommand    `cmd:"" help:"Ask a lensbus whether it can do its work: exit code 0 or 1."`
	ShowVersion   versionCommand   `cmd:"" name:"version" help:"Print the version and what is built in."`
	Manual        manualCommand    `cmd:"" hidden:"" help:"The pages of man and the completions of shells, for a package."`
	CaptureWorker workerCommand    `cmd:"" hidden:"" help:"One camera's capture, for a publisher to start."`
}

// usageError marks what the person at the command line got wrong: exit code 2.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usage(err error) error {
	if err == nil {
		return nil
	}
	return &usageError{err}
}

// Main runs the program and returns its exit code: 0, 1 when it failed, 2 when it was used wrongly.
// What went wrong is on p.Stderr, "lensbus: " and one line for each mistake. It takes over SIGINT,
// SIGTERM and SIGHUP: the first ends the command in order, and Main ends the process itself when
// that takes 1.8 seconds or a second one comes (exit code 130).
//
// Call it on the main goroutine, locked to its thread: windows need that.
func Main(p Program) int {
	var line grammar
	code, err := p.main(&line)
	var wrong *usageError
	switch {
	case err == nil:
		return code
	case errors.As(err, &wrong):
		code = exitUsage
	default:
		code = exitFailed
	}
	// The parser quotes what it does not understand, which may be a camera's URL with its password. And what
	// a camera, a recorder or a server answers may be meant for the terminal and not for who reads it.
	for text := range strings.SplitSeq(source.Spec{}.Scrub(err.Error()), "\n") {
		_, _ = fmt.Fprintf(p.Stderr, "lensbus: %s\n", printable(text)) // nobody is left to tell
	}
	return code
}

// exit is what kong's own commands (help, version) end with: a panic up to main.
type exit int

func (p Program) main(line *grammar) (code int, err error) {
	defer func() {
		switch ended := recover().(type) {
		case nil:
		case exit:
			code = int(ended)
		default:
			panic(ended)
		}
	}()
	parser, err := kong.New(line,
		kong.Name("lensbus"),
		kong.Description("Live camera pictures over NATS.\n\nEvery command's --help says more. Flags go before environment variables, those before the file given with -c, that before the defaults."),
		kong.Writers(p.Stdout, p.Stderr),
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.Vars{"version": "lensbus " + p.Version},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		return 0, fmt.Errorf("command line: %w", err)
	}
	if len(p.Args) == 0 {
		return 0, usage(errors.New("which command? lensbus --help lists them; `lensbus up` is a demo"))
	}
	command, err := parser.Parse(p.Args)
	if err != nil {
		return 0, usage(fmt.Errorf("%w (%s --help tells more)", err, helpful(err)))
	}
	log := slog.New(slog.NewTextHandler(p.Stderr, &slog.HandlerOptions{Level: level(line.LogLevel)}))
	ctx, life := newLife(log, os.Exit)
	defer life.close()
	command.BindTo(ctx, (*context.Context)(nil))
	if err := command.Run(&session{Program: p, log: log, life: life}); err != nil {
		if interrupted(ctx, err) {
			return exitInterrupted, nil // before there was an answer
		}
		return 0, err
	}
	return exitOK, nil
}

// helpful is the command whose help says what is allowed where err came up.
func helpful(err error) string {
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil {
		if selected := parse.Context.Selected(); selected != nil {
			return selected.FullPath()
		}
	}
	return "lensbus"
}

func level(name string) slog.Level {
	var l slog.Level
	_ = l.UnmarshalText([]byte(name)) // kong lets only the names of levels through
	return l
}

// session is what a command runs with.
type session struct {
	Program
	log  *slog.Logger
	life *life
}
