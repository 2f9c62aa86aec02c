package cli

import (
	"context"
	"reflect"
	"strings"
	"sync"

	"github.com/lensbus/lensbus/config"
)

// reading is how a file was read: what held without it, and what with it, before any flag.
type reading struct {
	content       []byte
	before, after file
}

// heed makes SIGHUP, which else ends a command, a request to read the file again, for a command that
// does. It is called before anything else, so that no signal comes too early.
func (f *fileFlag) heed(l *life) {
	if f.Config != "" {
		l.hangups()
	}
}

// reread reads the configuration file, which has been read once, again when it has changed since and on
// SIGHUP, and passes it to each, its cameras complete, until ctx is done. A file that is wrong is refused
// with its line, and the old one stays. What has changed in other sections holds from the next start on,
// and is named, but what each takes besides, which those of taken take out of a file.
func (s *session) reread(ctx context.Context, from fileFlag, more cameraFlags, hangups <-chan struct{}, each func(file), taken ...func(*file)) {
	began := *from.read
	changes := make(chan struct{}, 1)
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() {
		err := config.Watch(ctx, from.Config, began.content, func() {
			select {
			case changes <- struct{}{}:
			default: // one is waiting already
			}
		})
		if ctx.Err() == nil {
			s.log.Warn("changes of the configuration file are not noticed: send SIGHUP after one", "error", err)
		}
	})
	for {
		select {
		case <-ctx.Done():
			return
		case <-changes:
		case <-hangups:
		}
		f := began.before
		if err := from.load(&f); err != nil {
			s.log.Error("the configuration file is refused, the old one stays", "error", err)
			continue
		}
		if err := more.addTo(&f); err != nil {
			s.log.Error("the configuration file is refused, the old one stays", "error", err)
			continue
		}
		s.log.Info("configuration file read again", "file", from.Config, "cameras", len(f.Cameras))
		if late := settingsThatDiffer(began.after, from.read.after, taken...); len(late) > 0 {
			s.log.Warn("some changes need a restart of this program to hold", "changed", strings.Join(late, ", "))
		}
		each(f)
	}
}

// settingsThatDiffer names what differs between two files, as the file has it: broker.listen. Cameras, and which
// of them are recorded, are left out: those roles take their changes while they run. So is what taken takes out.
func settingsThatDiffer(a, b file, taken ...func(*file)) []string {
	a.Cameras, b.Cameras = nil, nil
	a.Recorder.Cameras, b.Recorder.Cameras = nil, nil
	for _, take := range taken {
		take(&a)
		take(&b)
	}
	return differing("", reflect.ValueOf(a), reflect.ValueOf(b))
}

func differing(prefix string, a, b reflect.Value) []string {
	var names []string
	for i := range a.NumField() {
		field := a.Type().Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		switch inline := options == "inline"; {
		case !field.IsExported() || name == "-" || name == "" && !inline: // not of the file
		case inline:
			names = append(names, differing(prefix, a.Field(i), b.Field(i))...)
		case isSection(field.Type):
			names = append(names, differing(prefix+name+".", a.Field(i), b.Field(i))...)
		case !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()):
			names = append(names, prefix+name)
		}
	}
	return names
}

// isSection says whether a type is a mapping of settings in the file, and not one setting.
func isSection(t reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("yaml") != "" {
			return true
		}
	}
	return false
}
