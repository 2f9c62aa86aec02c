package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

type setCommand struct {
	ID     frame.CameraID `arg:"" help:"The camera."`
	Change []string       `arg:"" optional:"" name:"name=value" help:"What to change: width and height, fps, quality, and the device's controls, such as brightness=10 or exposure_auto='Manual Mode'. Nothing: show what there is."`
	Save   bool           `help:"Keep the settings across a restart of the publisher."`
	Forget bool           `help:"Drop what was set and saved: back to the configuration, now and for the next start of the publisher."`
	JSON   bool           `help:"Print the camera's answer, its details as JSON."`
	fileFlag
	serverFlags
}

// setWait is how long a camera may take: it may open its device twice to find out whether it can do
// what is asked.
const setWait = 25 * time.Second

func (c *setCommand) Run(ctx context.Context, s *session) error {
	wishes, err := parseWishes(c.Change)
	if err != nil {
		return usage(err)
	}
	if c.Save && c.Forget {
		return usage(errors.New("--save keeps settings and --forget drops them: give one of them"))
	}
	var f file
	if err := c.load(&f); err != nil {
		return err
	}
	conn, err := s.connect(ctx, c.serverFlags, f)
	if err != nil {
		return err
	}
	return s.use(conn, func() error {
		if err := s.reach(ctx, conn); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, setWait)
		defer cancel()
		detail, err := c.change(ctx, conn, wishes)
		if err != nil {
			return explain(ctx, conn, err)
		}
		if c.JSON {
			return printJSON(s.Stdout, detail)
		}
		changed := slices.Collect(func(yield func(string) bool) {
			for _, w := range wishes {
				if !yield(w.name) {
					return
				}
			}
		})
		return printDetail(s.Stdout, detail, changed)
	})
}

// change asks the camera for what is wished and returns its answer, or, where nothing is wished, how
// it is.
func (c *setCommand) change(ctx context.Context, conn *bus.Conn, wishes []wish) (frame.Detail, error) {
	var detail frame.Detail
	if len(wishes) == 0 && !c.Save && !c.Forget {
		return detail, conn.Control(ctx, c.ID, frame.VerbGet, nil, &detail)
	}
	change, named, err := changeOf(wishes)
	if err != nil {
		return detail, usage(err)
	}
	if len(named) > 0 { // what the words mean is the camera's to say
		if err := conn.Control(ctx, c.ID, frame.VerbGet, nil, &detail); err != nil {
			return detail, err
		}
		for _, w := range named {
			value, err := controlValue(detail.Controls, w)
			if err != nil {
				return detail, fmt.Errorf("camera %s: %w", c.ID, err)
			}
			change.Controls[w.name] = value
		}
	}
	change.Save, change.Forget = c.Save, c.Forget
	return detail, conn.Control(ctx, c.ID, frame.VerbSet, change, &detail)
}

// wish is one NAME=VALUE.
type wish struct{ name, value string }

func parseWishes(texts []string) ([]wish, error) {
	var wishes []wish
	var errs []error
	for _, text := range texts {
		name, value, ok := strings.Cut(text, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		switch {
		case !ok || name == "" || value == "":
			errs = append(errs, fmt.Errorf("%.60q: want NAME=VALUE, such as quality=70", text))
			continue
		case slices.ContainsFunc(wishes, func(w wish) bool { return w.name == name }):
			errs = append(errs, fmt.Errorf("%.60s is given twice", name))
		}
		wishes = append(wishes, wish{name, strings.TrimSpace(value)})
	}
	return wishes, errors.Join(errs...)
}

// changeOf makes a request of wishes. named are the controls whose value is no number. An error is a
// setting whose value can mean nothing; whether a number is one that the camera takes, the camera says.
func changeOf(wishes []wish) (change frame.Change, named []wish, err error) {
	var errs []error
	whole := func(w wish, example int) *int {
		n, err := strconv.Atoi(w.value)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s=%.40s: want a whole number, such as %d", w.name, w.value, example))
		}
		return &n
	}
	change.Controls = make(map[string]int64)
	for _, w := range wishes {
		switch w.name {
		case "width":
			change.Width = whole(w, 1280)
		case "height":
			change.Height = whole(w, 720)
		case "quality":
			change.Quality = whole(w, 80)
		case "fps":
			fps, err := strconv.ParseFloat(w.value, 64)
			if err != nil || math.IsNaN(fps) || math.IsInf(fps, 0) {
				errs = append(errs, fmt.Errorf("fps=%.40s: want a number, such as 15", w.value))
			}
			change.FPS = &fps
		default:
			if n, err := strconv.ParseInt(w.value, 0, 64); err == nil {
				change.Controls[w.name] = n
			} else {
				named = append(named, w)
			}
		}
	}
	if (change.Width == nil) != (change.Height == nil) {
		errs = append(errs, errors.New("width and height go together: give both"))
	}
	return change, named, errors.Join(errs...)
}

// controlValue is the number for a control's value that is given in words: a menu's text, or on and
// off.
func controlValue(controls []frame.Control, w wish) (int64, error) {
	i := slices.IndexFunc(controls, func(c frame.Control) bool { return c.Name == w.name })
	if i < 0 {
		if len(controls) == 0 {
			return 0, fmt.Errorf("no setting %.40q: there are width, height, fps and quality, and this camera has no controls", w.name)
		}
		return 0, fmt.Errorf("no setting %.40q: there are width, height, fps, quality, %s", w.name, controlNames(controls))
	}
	c := controls[i]
	for number, text := range c.Menu {
		if strings.EqualFold(strings.TrimSpace(text), w.value) {
			return number, nil
		}
	}
	if c.Type == "bool" {
		switch strings.ToLower(w.value) {
		case "on", "true", "yes":
			return 1, nil
		case "off", "false", "no":
			return 0, nil
		}
	}
	return 0, fmt.Errorf("%s=%.40s: want %s", w.name, w.value, rangeText(c))
}

// explain adds to an error that there is no such camera which there are.
func explain(ctx context.Context, conn *bus.Conn, err error) error {
	if !errors.Is(err, bus.ErrNoCamera) {
		return err
	}
	r, listErr := newRoster(conn)
	if listErr != nil {
		return err
	}
	defer r.close()
	if answers, listErr := r.ask(ctx); listErr != nil || answers == 0 {
		return err
	}
	const most = 20
	var ids []string
	for _, c := range r.cameras(time.Now()) {
		if len(ids) == most {
			ids = append(ids, "…")
			break
		}
		ids = append(ids, string(c.ID))
	}
	return fmt.Errorf("%w: there are %s", err, strings.Join(ids, ", "))
}
