package cli

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lensbus/lensbus/publisher/source/opencv"
	"github.com/lensbus/lensbus/test/await"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"lensbus": func() {
			os.Exit(Main(Program{Version: "v0.0.0-test", Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}))
		},
		limitedProgram: limited,
	})
}

// The scripts run the program itself, in processes of its own. Besides testscript's commands they have:
//
//	exits CODE PROGRAM ARG...      run it and want this exit code
//	until PROGRAM ARG... REGEXP    run it again and again until it ends well and its output has that
//	start NAME PROGRAM ARG...      run it in the background, output to NAME.out and NAME.err
//	await FILE REGEXP [VARIABLE]   wait until the file has it; VARIABLE becomes the first group
//	end NAME SIGNAL CODE           signal it, and want that it ends within 2 s with this exit code
//	killcapture NAME               kill -9 its only capture process
//	ends NAME CODE                 want that it ends by itself with this exit code
//	fetch URL FILE [REGEXP]        GET, until it answers 200 (and has the text); $AUTHORIZATION is sent where it is
//	                               set, and $CA is the file of the authority that https is checked by
//	hides WORD...                  want none of the words, plain or as base64, in any file but those below planted and users
//	answers URL STATUS REGEXP      GET, until it answers that status and has the text
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Values[processesKey{}] = map[string]*process{}
			if !opencv.Built {
				return nil
			}
			folder, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "gocv.io/x/gocv").Output()
			env.Setenv("FOOTAGE", filepath.Join(strings.TrimSpace(string(folder)), "images", "small.mp4"))
			return err
		},
		Condition: func(name string) (bool, error) {
			if name == "slow" {
				return raceDetector, nil
			}
			if name == "opencv" {
				return opencv.Built, nil
			}
			return false, fmt.Errorf("no such condition: %s", name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "until": until, "start": start, "await": awaitText, "end": end, "hangup": hangup, "killcapture": killCapture, "ends": ends, "fetch": fetch, "answers": answers, "hides": hides,
		},
	})
}

// patience is what anything may take on a busy machine before a test gives up.
const patience = 30 * time.Second

type processesKey struct{}

type process struct {
	cmd  *exec.Cmd
	done chan struct{}
}

func processes(ts *testscript.TestScript) map[string]*process {
	return ts.Value(processesKey{}).(map[string]*process)
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARG...")
	}
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := err.(*exec.ExitError)
		if !ok {
			ts.Fatalf("%v", err)
		}
		code = exit.ExitCode()
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until PROGRAM ARG... REGEXP")
	}
	last := len(args) - 1
	pattern, err := regexp.Compile("(?ms)" + args[last])
	ts.Check(err)
	eventually(ts, args[last], func() bool {
		err := ts.Exec(args[0], args[1:last]...)
		return err == nil && pattern.MatchString(ts.ReadFile("stdout"))
	})
}

func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME PROGRAM ARG...")
	}
	name := args[0]
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, variable := range []string{"PATH", "HOME", "TMPDIR", "LENSBUS_SERVER", "LENSBUS_CAMERA", "LENSBUS_WEB_LISTEN", "LENSBUS_LOG_LEVEL", "PASSWORD", "NATS_PASSWORD", "NATS_USER", "CAM_PASSWORD", "CAM_TOKEN"} {
		if value := ts.Getenv(variable); value != "" {
			cmd.Env = append(cmd.Env, variable+"="+value)
		}
	}
	for file, stream := range map[string]*io.Writer{".out": &cmd.Stdout, ".err": &cmd.Stderr} {
		f, err := os.Create(ts.MkAbs(name + file))
		ts.Check(err)
		defer func() { _ = f.Close() }() // the process has its own
		*stream = f
	}
	ts.Check(cmd.Start())
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() { defer close(p.done); _ = cmd.Wait() }() // the state says how it ended
	processes(ts)[name] = p
	ts.Defer(func() {
		_ = cmd.Process.Kill() // fails where it has ended
		<-p.done
		if log, err := os.ReadFile(ts.MkAbs(name + ".err")); err == nil {
			ts.Logf("[%s]\n%s", name, log)
		}
	})
}

func awaitText(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: await FILE REGEXP [VARIABLE]")
	}
	pattern, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	eventually(ts, args[0]+" has "+args[1], func() bool {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		found := pattern.FindSubmatch(text)
		if err != nil || found == nil {
			return false
		}
		if len(args) == 3 {
			ts.Setenv(args[2], string(found[1]))
		}
		return true
	})
}

func eventually(ts *testscript.TestScript, what string, condition func() bool) {
	if !await.True(patience, 20*time.Millisecond, condition) {
		ts.Fatalf("not within %s: %s", patience, what)
	}
}

// hangup sends a process the signal to read its configuration again: hangup NAME.
func hangup(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: hangup NAME")
	}
	ts.Check(processes(ts)[args[0]].cmd.Process.Signal(syscall.SIGHUP))
}

func end(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: end NAME SIGNAL CODE")
	}
	p := processes(ts)[args[0]]
	sig := map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL, "QUIT": syscall.SIGQUIT}[args[1]]
	ended := timeEnding(args[0])
	ts.Check(p.cmd.Process.Signal(sig))
	ends(ts, false, []string{args[0], args[2]})
	note, wrong := ended()
	ts.Check(wrong)
	ts.Logf("%s", note)
}

func killCapture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: killcapture NAME")
	}
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", processes(ts)[args[0]].cmd.Process.Pid))
	ts.Check(err)
	var children []string
	for _, thread := range threads {
		pids, err := os.ReadFile(thread)
		ts.Check(err)
		children = append(children, strings.Fields(string(pids))...)
	}
	if len(children) != 1 {
		ts.Fatalf("%s has the children %v, want one", args[0], children)
	}
	pid, err := strconv.Atoi(children[0])
	ts.Check(err)
	ts.Check(syscall.Kill(pid, syscall.SIGKILL))
}

func ends(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: ends NAME CODE")
	}
	p := processes(ts)[args[0]]
	select {
	case <-p.done:
	case <-time.After(patience):
		ts.Fatalf("%s has not ended within %s", args[0], patience)
	}
	if code := strconv.Itoa(p.cmd.ProcessState.ExitCode()); code != args[1] {
		ts.Fatalf("%s: exit code %s, want %s", args[0], code, args[1])
	}
}

func fetch(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: fetch URL FILE [REGEXP]")
	}
	want := regexp.MustCompile("")
	if len(args) == 3 {
		want = regexp.MustCompile("(?m)" + args[2])
	}
	body := get(ts, args[0], http.StatusOK, want)
	ts.Check(os.WriteFile(filepath.Clean(ts.MkAbs(args[1])), body, 0o600))
}

func answers(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: answers URL STATUS REGEXP")
	}
	status, err := strconv.Atoi(args[1])
	ts.Check(err)
	get(ts, args[0], status, regexp.MustCompile("(?m)"+args[2]))
}

// get asks until the answer is as wanted.
func get(ts *testscript.TestScript, url string, status int, want *regexp.Regexp) (body []byte) {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	if file := ts.Getenv("CA"); file != "" {
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM([]byte(ts.ReadFile(file)))
		client.Transport = &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool}}
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	last := ""
	eventually(ts, "GET "+url, func() bool {
		req, err := http.NewRequest(http.MethodGet, url, nil)
		ts.Check(err)
		if authorization := ts.Getenv("AUTHORIZATION"); authorization != "" {
			req.Header.Set("Authorization", authorization)
		}
		resp, err := client.Do(req)
		if err != nil {
			last = err.Error()
			return false
		}
		defer func() { _ = resp.Body.Close() }()
		body, err = io.ReadAll(resp.Body)
		last = fmt.Sprint(resp.Status, err, strings.ToValidUTF8(string(body[:min(len(body), 500)]), "?"))
		return err == nil && resp.StatusCode == status && want.Match(body)
	})
	ts.Logf("%s", last)
	return body
}

// hides looks through everything that was written.
func hides(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: hides WORD...")
	}
	var words []string
	for _, word := range args {
		if len(word) < 6 {
			ts.Fatalf("%q is too short to be looked for", word)
		}
		words = append(words, word)
		for shift := range 3 { // wherever the word begins in what was encoded, most of it reads the same
			encoded := base64.StdEncoding.EncodeToString(append(make([]byte, shift), word...))
			words = append(words, encoded[4:len(encoded)-4])
		}
	}
	root, files := ts.MkAbs("."), 0
	ts.Check(filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		name, _ := filepath.Rel(root, path)
		if err != nil || entry.IsDir() && (name == "planted" || name == "users") {
			return cmp.Or(err, filepath.SkipDir)
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		data, err := os.ReadFile(path)
		files++
		for _, word := range words {
			if at := strings.Index(string(data), word); at >= 0 {
				ts.Fatalf("%s has %q: …%q…", name, word, data[max(0, at-100):min(len(data), at+len(word)+20)])
			}
		}
		return err
	}))
	if files < 5 {
		ts.Fatalf("only %d files were looked through", files)
	}
}
