package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

// exportJob makes the files of an export: one, or several where the pictures change their size.
type exportJob struct {
	command *exportCommand
	options bus.ExportOptions
	source  func(context.Context, bus.ExportOptions, io.Writer) (bus.ExportResult, error)
	encoder string // ffmpeg's path; empty: the pictures stay as they are
	bar     *progressBar
	log     *slog.Logger
	stdout  io.Writer
	expect  func(frames uint64) // is told how many there will be, about; nil: nobody wants to know

	parts []exportPart
}

// exportPart is a file that is not there under its name yet.
type exportPart struct{ temporary, name string }

// run writes all of the files under other names in the same folder and renames them when all are
// whole. Where one cannot be renamed those before it are deleted: there are either all or none. What they were written
// over, with --force, is gone then.
func (j *exportJob) run(ctx context.Context) (err error) {
	var renamed []string
	defer func() {
		if err != nil {
			for _, name := range renamed {
				err = errors.Join(err, ignoring(fs.ErrNotExist, os.Remove(name)))
			}
		}
		for _, part := range j.parts { // those that were not renamed
			err = errors.Join(err, ignoring(fs.ErrNotExist, os.Remove(part.temporary)))
		}
	}()
	for n := 1; ; n++ {
		name := partName(j.command.Output, n)
		if err := j.free(name); err != nil {
			return err
		}
		result, err := j.write(ctx, name)
		j.bar.clear()
		if err != nil {
			return err
		}
		j.report(name, result)
		if result.Rest.IsZero() {
			break
		}
		if !result.Rest.After(j.options.From) {
			return fmt.Errorf("the pictures change their size at %s, before which there are others of the same times, because the camera's clock was put back: export what is before it and from it on apart, by --from and --to",
				result.Rest.UTC().Format(time.RFC3339Nano))
		}
		j.options.From = result.Rest
	}
	for _, part := range j.parts {
		if err := j.free(part.name); err != nil { // somebody may have put it there meanwhile
			return err
		}
		if err := os.Rename(part.temporary, part.name); err != nil {
			return fmt.Errorf("write %s: %w", part.name, cause(err))
		}
		renamed = append(renamed, part.name)
	}
	return nil
}

// partName is F.mp4, F-2.mp4, …
func partName(output string, n int) string {
	if n == 1 {
		return output
	}
	ext := filepath.Ext(output)
	return strings.TrimSuffix(output, ext) + "-" + strconv.Itoa(n) + ext
}

// free says whether a name may be written to.
func (j *exportJob) free(name string) error {
	if name == "-" || j.command.Force {
		return nil
	}
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("write %s: %w", name, cause(err))
	case info.Mode().IsRegular():
		return fmt.Errorf("%s exists: write over it with --force", name)
	}
	return nil
}

// write exports to one file.
func (j *exportJob) write(ctx context.Context, name string) (bus.ExportResult, error) {
	if name == "-" {
		if j.encoder != "" {
			return j.encode(ctx, "pipe:1", j.stdout)
		}
		return j.source(ctx, j.options, j.stdout)
	}
	info, err := os.Stat(name)
	special := err == nil && !info.Mode().IsRegular() // a pipe, a device
	target := name
	flags := os.O_WRONLY
	if !special {
		target = filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+"."+rand.Text()[:8]+".part")
		flags |= os.O_CREATE | os.O_EXCL
	}
	opened, err := os.OpenFile(target, flags, 0o666)
	if err != nil {
		return bus.ExportResult{}, fmt.Errorf("write %s: %w", name, cause(err))
	}
	file := named{opened, name}
	if !special {
		j.parts = append(j.parts, exportPart{target, name})
	}
	var result bus.ExportResult
	if j.encoder != "" {
		// By its name: what ffmpeg makes for players has its head written last.
		result, err = j.encode(ctx, "file:"+target, nil)
	} else {
		result, err = j.save(ctx, file, special)
	}
	if err == nil && !special {
		err = file.Sync() // a disk that is full may say so only now
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	return result, err
}

// save writes the pictures as they are: to a file that can be gone back in with its tables in one place, as
// editors and older players want it, and else as it comes, fragmented.
func (j *exportJob) save(ctx context.Context, file named, special bool) (bus.ExportResult, error) {
	if special {
		return j.source(ctx, j.options, file)
	}
	plain := segment.NewPlain(file)
	j.expect = plain.Expect
	defer func() { j.expect = nil }()
	result, err := j.source(ctx, j.options, plain)
	if err == nil {
		err = plain.Close()
		result.Bytes = plain.Size()
	}
	return result, err
}

// progress shows how far it is.
func (j *exportJob) progress(p bus.ExportProgress) {
	if j.expect != nil && p.Frames > 0 {
		j.expect(p.Frames)
	}
	j.bar.show(p)
}

// named is a file whose errors tell the name that people know.
type named struct {
	*os.File
	name string
}

func (f named) Write(data []byte) (int, error) {
	n, err := f.File.Write(data)
	return n, f.failed(err)
}

func (f named) Seek(offset int64, whence int) (int64, error) {
	n, err := f.File.Seek(offset, whence)
	return n, f.failed(err)
}

func (f named) Sync() error { return f.failed(f.File.Sync()) }

func (f named) Close() error { return f.failed(f.File.Close()) }

func (f named) failed(err error) error {
	if err != nil {
		return fmt.Errorf("write %s: %w", f.name, cause(err))
	}
	return nil
}

// cause is what went wrong without the path, which is one that nobody has given.
func cause(err error) error {
	if path := new(fs.PathError); errors.As(err, &path) {
		return path.Err
	}
	if link := new(os.LinkError); errors.As(err, &link) {
		return link.Err
	}
	return err
}

func ignoring(normal, err error) error {
	if errors.Is(err, normal) {
		return nil
	}
	return err
}

// encode sends the file through ffmpeg, as H.264 with the frames' own times.
func (j *exportJob) encode(ctx context.Context, target string, stdout io.Writer) (bus.ExportResult, error) {
	flags := "+faststart"
	if stdout != nil {
		flags = "+frag_keyframe+empty_moov" // a pipe cannot seek
	}
	cmd := exec.CommandContext(ctx, j.encoder, "-nostdin", "-hide_banner", "-loglevel", "error", "-y",
		"-f", "mp4", "-i", "pipe:0", "-map", "0:v:0",
		"-vf", "scale=trunc(iw/2)*2:trunc(ih/2)*2:out_range=tv,format=yuv420p",
		"-c:v", "libx264", "-preset", "veryfast", "-crf", "21",
		"-fps_mode", "passthrough", "-enc_time_base", "-1", "-video_track_timescale", "90000",
		"-movflags", flags, "-f", "mp4", target)
	said := &tail{}
	cmd.Stdout, cmd.Stderr = stdout, said
	in, err := cmd.StdinPipe()
	if err != nil {
		return bus.ExportResult{}, fmt.Errorf("ffmpeg: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return bus.ExportResult{}, fmt.Errorf("ffmpeg: %w", err)
	}
	result, err := j.source(ctx, j.options, in)
	closed := in.Close()
	ended := cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return result, ctx.Err()
	case err != nil && !takesNoMore(err): // and ffmpeg complains of half a file, or none
		return result, err
	case ended != nil:
		return result, fmt.Errorf("ffmpeg: %w: %s", ended, said)
	}
	return result, errors.Join(err, closed)
}

// takesNoMore says whether err is only that a program does not read any more what is written to it.
func takesNoMore(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, os.ErrClosed) || errors.Is(err, io.ErrClosedPipe)
}

// tail keeps the end of what a program says.
type tail struct{ text []byte }

func (t *tail) Write(data []byte) (int, error) {
	t.text = append(t.text, data...)
	if over := len(t.text) - 2000; over > 0 {
		t.text = bytes.Clone(t.text[over:])
	}
	return len(data), nil
}

func (t *tail) String() string { return strings.Join(strings.Fields(string(t.text)), " ") }

// mostGapLines bounds what is said about gaps.
const mostGapLines = 10

// report says what a file holds, and what it does not.
func (j *exportJob) report(name string, result bus.ExportResult) {
	for i, gap := range result.Gaps {
		if i == mostGapLines {
			j.log.Warn("further frames are missing in the export", "camera", j.command.ID, "gaps", len(result.Gaps)-i)
			break
		}
		j.log.Warn("frames are missing in the export", "camera", j.command.ID, "from", gap.From.UTC(), "to", gap.To.UTC(), "missing", missingText(gap), "reason", gap.Reason)
	}
	if name != "-" {
		j.log.Info("exported", "camera", j.command.ID, "file", name, "frames", result.Frames, "bytes", result.Bytes)
	}
	if !result.Rest.IsZero() {
		j.log.Warn("the pictures change their size: the rest goes to a file of its own", "camera", j.command.ID, "at", result.Rest.UTC())
	}
}

func missingText(gap frame.Gap) string {
	if gap.Missing == 0 {
		return "unknown"
	}
	return strconv.FormatUint(gap.Missing, 10)
}
