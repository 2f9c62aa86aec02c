package recorder_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/recorder"
)

func recordAsProcess(dir, server string) int {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	conn, err := bus.Connect(context.Background(), bus.Options{Server: server, Log: log})
	if err == nil {
		err = recorder.Run(context.Background(), quick(recorder.Config{Dir: dir}), recorder.Deps{Bus: conn, Log: log})
	}
	fmt.Fprintln(os.Stderr, "recorder:", err)
	return 1
}

// process is a recorder in another process.
type process struct {
	cmd    *exec.Cmd
	stderr *logged
	exited chan struct{}
}

func (g *rig) launch(dir string) *process {
	g.t.Helper()
	p := &process{cmd: exec.Command(os.Args[0]), stderr: new(logged), exited: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), variableDir+"="+dir, variableServer+"="+g.url)
	p.cmd.Stderr = p.stderr
	if err := p.cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	go func() {
		defer close(p.exited)
		_ = p.cmd.Wait()
	}()
	g.t.Cleanup(p.kill)
	return p
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.exited
}
