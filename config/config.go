// Package config reads one YAML file into a Go value, strictly: what it does not understand is an
// error with file and line, never silently ignored.
//
// It knows no role's fields. A role's Config is a plain struct with yaml tags; a Validate method is
// called where there is one. What does not belong here: defaults, flags, and what a new content means
// to what runs: [Watch] only tells that there may be one.
package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
)

// MaxBytes is the largest file that is read.
const MaxBytes = 1 << 20

// Error is one mistake in a file.
type Error struct {
	File string
	Line int    // from 1; 0 where no line is to blame
	Key  string // the path of the key, such as cameras.front.source; "" at the top
	Err  error  // what is wrong, one line
}

// Error is FILE:LINE: KEY: what is wrong, on one line.
func (e *Error) Error() string {
	text := e.File
	if e.Line > 0 {
		text = fmt.Sprintf("%s:%d", e.File, e.Line)
	}
	if e.Key != "" {
		text += ": " + e.Key
	}
	return text + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Load reads the file at path into the struct that into points to. See [Decode] for what it
// understands; the environment is this process's. A file that cannot be read is an error that
// wraps the reason, such as [os.ErrNotExist].
func Load(path string, into any) error {
	data, err := Read(path)
	if err != nil {
		return err
	}
	return Decode(path, data, os.LookupEnv, into)
}

// Read returns the content of the file at path, for [Decode] and [Watch]; one byte more than [MaxBytes] of a
// file that is larger. Its errors are those of [Load].
func Read(path string) ([]byte, error) {
	data, err := read(path)
	if err != nil {
		return nil, &Error{File: path, Err: err}
	}
	return data, nil
}

func read(path string) ([]byte, error) {
	failed := func(err error) ([]byte, error) {
		if pathErr, ok := errors.AsType[*os.PathError](err); ok {
			err = pathErr.Err // the path is said already
		}
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	file, err := os.Open(path)
	if err != nil {
		return failed(err)
	}
	defer func() { _ = file.Close() }() // only read
	data, err := io.ReadAll(io.LimitReader(file, MaxBytes+1))
	if err != nil {
		return failed(err)
	}
	return data, nil
}

// Decode reads data, a YAML file called name, into the struct that into points to. What the file
// does not mention keeps its value.
//
// A struct's keys are its fields' yaml tags; an embedded struct with the tag ",inline" shares its
// parent's keys. Values are text, whole numbers, fractions, true and false, durations ("5s"), lists,
// mappings, and everything that reads itself with UnmarshalText. A section with a method
// UnmarshalBool(bool) error may be true or false too. A pointer is nil where its key is not there.
// Nothing is converted: a number is no text. There are no anchors, aliases, tags or second documents.
//
// ${NAME} in a text is replaced by the environment's value as lookup has it, after the YAML is taken
// apart, so that a value can hold any character; $${ stands for ${ itself. A variable that is not
// set is an error. Keys are not expanded.
//
// Every value that has a method Validate() error is asked when it is complete.
//
// Its error joins everything that is wrong, one [*Error] each, first lines first. The texts of
// errors name keys and types, never an expanded value.
func Decode(name string, data []byte, lookup func(string) (string, bool), into any) error {
	target := reflect.ValueOf(into)
	if target.Kind() != reflect.Pointer || target.IsNil() || target.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("config: decode into %T: want a pointer to a struct", into)
	}
	d := decoder{file: name, lookup: lookup}
	if root := d.parse(data); root != nil {
		d.value(root, target.Elem(), "")
	}
	return d.failure()
}
