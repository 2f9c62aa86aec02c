package cli

import (
	"errors"
	"fmt"
	"maps"
	"os"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/config"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/operate"
	"github.com/lensbus/lensbus/publisher"
	"github.com/lensbus/lensbus/recorder"
	"github.com/lensbus/lensbus/viewer/web"
	"github.com/lensbus/lensbus/viewer/window"
)

// file is the configuration file: each role's section, and which broker to use. One file may serve
// several commands; each takes its sections.
type file struct {
	// Server is one NATS URL or several with commas between; Context is the name of a NATS context.
	Server  string `yaml:"server"`
	Context string `yaml:"context"`
	// Creds is a credentials file of `lensbus auth`.
	Creds string `yaml:"creds"`
	// SealKeyFile is a file of `lensbus auth seal-key`, which viewers open sealed pictures with and
	// publishers seal with.
	SealKeyFile string `yaml:"seal_key_file"`

	Broker   broker.Config                             `yaml:"broker"`
	Cameras  map[frame.CameraID]publisher.CameraConfig `yaml:"cameras"`
	Web      web.Config                                `yaml:"web"`
	View     window.Config                             `yaml:"view"`
	Recorder recorder.Config                           `yaml:"recorder"`
	Metrics  operate.Config                            `yaml:"metrics"`
}

// published are the cameras of the file that a process here publishes: all but those of which the file
// says only how they are recorded, which another machine publishes.
func (f file) published() publisher.Config {
	cameras := maps.Clone(f.Cameras)
	maps.DeleteFunc(cameras, func(_ frame.CameraID, c publisher.CameraConfig) bool { return c.Source == "" && c.Record != nil })
	return publisher.Config{Cameras: cameras}
}

// fileFlag is -c, for the commands that take a file.
type fileFlag struct {
	Config string `short:"c" env:"LENSBUS_CONFIG" placeholder:"FILE" help:"Configuration file (YAML)."`

	// read is how it was read last, to see what has changed since; nil before.
	read *reading
}

// load reads the file where one is given. What is in into is kept where the file says nothing.
func (f *fileFlag) load(into *file) error {
	if f.Config == "" {
		return nil
	}
	before := *into
	content, err := config.Read(f.Config)
	if err == nil {
		err = config.Decode(f.Config, content, os.LookupEnv, into)
	}
	if err != nil {
		return usage(err)
	}
	f.read = &reading{content: content, before: before, after: *into}
	return nil
}

// cameraFlags are the cameras of a command line.
type cameraFlags struct {
	// The values are taken apart here and not by the parser, whose errors would quote them: a
	// source may hold a password.
	Camera []string `env:"LENSBUS_CAMERA" sep:"none" placeholder:"ID=SOURCE" help:"A camera, again for each: front=v4l2:/dev/video0, yard='rtsp://…'. Sources: v4l2:, file:, http(s)://, rtsp(s)://, images:, test:, opencv:."`
	Record bool     `env:"LENSBUS_RECORD" help:"Keep the frames of all cameras on file in the broker, for a recorder; how, is said for each in the file under record."`
}

// addTo adds the cameras to those of the file; one that is there too gets the new source. With Record,
// all are recorded but those of which the file says that they are not.
func (c cameraFlags) addTo(f *file) error {
	var errs []error
	given := make(map[frame.CameraID]bool)
	for _, text := range c.Camera {
		id, camera, err := parseCamera(text, f)
		if err == nil && given[id] {
			err = fmt.Errorf("%s: given twice, and one of the two would be left out", id)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("--camera: %w", err))
			continue
		}
		given[id] = true
		if f.Cameras == nil {
			f.Cameras = make(map[frame.CameraID]publisher.CameraConfig)
		}
		f.Cameras[id] = camera
	}
	if c.Record {
		for id, camera := range f.Cameras {
			if camera.Record == nil {
				camera.Record = new(publisher.RecordConfig)
				f.Cameras[id] = camera
			}
		}
	}
	return usage(errors.Join(errs...))
}

func parseCamera(text string, f *file) (frame.CameraID, publisher.CameraConfig, error) {
	for i, c := range text {
		if c != '=' {
			continue
		}
		id, err := frame.ParseCameraID(text[:i])
		if err != nil {
			return "", publisher.CameraConfig{}, err
		}
		camera := f.Cameras[id]
		camera.Source = text[i+1:]
		if err := camera.Validate(); err != nil {
			return "", publisher.CameraConfig{}, fmt.Errorf("%s: %w", id, err)
		}
		return id, camera, nil
	}
	return "", publisher.CameraConfig{}, errors.New("want ID=SOURCE, such as front=v4l2:/dev/video0")
}
