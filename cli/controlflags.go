package cli

import (
	"os"
	"regexp"
	"strings"

	"github.com/lensbus/lensbus/publisher"
)

// controlFlags are for commands that publish cameras: what happens to an id that is taken, and where
// settings are kept that were changed with `lensbus set --save`.
type controlFlags struct {
	Replace bool   `env:"LENSBUS_REPLACE" help:"Take over cameras that another publisher has on the bus, instead of refusing."`
	State   string `env:"LENSBUS_STATE" placeholder:"DIR" help:"Folder for settings saved with lensbus set --save. Default: the variable STATE_DIRECTORY, else lensbus/cameras in XDG_STATE_HOME or ~/.local/state."`
}

// complete adds to what a publisher works with.
func (c controlFlags) complete(deps *publisher.Deps, version string) {
	deps.Replace, deps.Version = c.Replace, semantic(version)
	deps.StateDir = c.folder(os.Getenv)
}

// folder is where settings are kept, or "" where there is no place for them: a container without a
// home, where saving is refused.
func (c controlFlags) folder(env func(string) string) string {
	if c.State != "" {
		return c.State
	}
	// systemd's StateDirectory= may name several; the first is the one that is meant.
	if first, _, _ := strings.Cut(env("STATE_DIRECTORY"), ":"); first != "" {
		return first
	}
	return stateFolder("cameras", env)
}

// semver is a version as NATS wants a service's (semver.org).
var semver = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)` +
	`(-(0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(\.(0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$`)

// semantic makes a semantic version of the program's, which without a tag is a commit.
func semantic(version string) string {
	if v := strings.TrimPrefix(version, "v"); semver.MatchString(v) {
		return v
	}
	return "0.0.0-dev"
}
