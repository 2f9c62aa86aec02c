package cli

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/viewer/web/login"
)

// authPageCommand is `lensbus auth page …`: the people and programs that may use a page.
type authPageCommand struct {
	Add   pageAddCommand   `cmd:"" help:"Add a person, with a password that is printed once, or a program with a token."`
	Rm    pageRmCommand    `cmd:"" help:"Remove a person or program: its sessions end."`
	List  pageListCommand  `cmd:"" help:"List who may use the page."`
	Reset pageResetCommand `cmd:"" help:"Give a new password or token."`
}

func (a authFlags) people() (string, error) {
	folder, err := a.open()
	if err != nil {
		return "", err
	}
	return folder.Path(auth.PeopleFile), nil
}

type pageAddCommand struct {
	authFlags
	Name     string `arg:"" help:"The person's or program's name."`
	Cameras  string `required:"" placeholder:"ID,…" help:"For which cameras, with commas between; '*' for all."`
	Operator bool   `help:"May change the cameras' settings too."`
	Token    bool   `help:"A program: a bearer token instead of a password."`
}

func (c *pageAddCommand) Run(s *session) error {
	ids, all, err := cameraList(c.Cameras)
	if err != nil {
		return usage(err)
	}
	p := login.Person{Name: c.Name, Cameras: ids, All: all, Operator: c.Operator}
	path, err := c.people()
	if err != nil {
		return err
	}
	return s.printSecret(login.Add(path, p, c.Token))
}

// printSecret prints what is shown once and kept nowhere.
func (s *session) printSecret(secret string, err error) error {
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.Stdout, secret)
	return err
}

type pageRmCommand struct {
	authFlags
	Name string `arg:"" help:"The person or program."`
}

func (c *pageRmCommand) Run(*session) error {
	path, err := c.people()
	if err != nil {
		return err
	}
	return login.Remove(path, c.Name)
}

type pageResetCommand struct {
	authFlags
	Name string `arg:"" help:"The person or program."`
}

func (c *pageResetCommand) Run(s *session) error {
	path, err := c.people()
	if err != nil {
		return err
	}
	return s.printSecret(login.Reset(path, c.Name))
}

type pageListCommand struct {
	authFlags
	JSON bool `name:"json" help:"Print JSON."`
}

// listedPerson is a person in --json.
type listedPerson struct {
	Name     string           `json:"name"`
	Operator bool             `json:"operator"`
	Cameras  []frame.CameraID `json:"cameras"`
	All      bool             `json:"all_cameras"`
}

func (c *pageListCommand) Run(s *session) error {
	path, err := c.people()
	if err != nil {
		return err
	}
	people, err := login.List(path)
	if err != nil {
		return err
	}
	if c.JSON {
		listed := make([]listedPerson, len(people))
		for i, p := range people {
			listed[i] = listedPerson{p.Name, p.Operator, append([]frame.CameraID{}, p.Cameras...), p.All}
		}
		return json.NewEncoder(s.Stdout).Encode(listed)
	}
	table := tabwriter.NewWriter(s.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "NAME\tROLE\tCAMERAS") // Flush says what went wrong
	for _, p := range people {
		role := auth.Viewer
		if p.Operator {
			role = auth.Operator
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", p.Name, role, auth.User{Cameras: p.Cameras, All: p.All}.CameraList())
	}
	return table.Flush()
}
