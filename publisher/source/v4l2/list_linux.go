package v4l2

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// List lists the video devices that the kernel knows, by number. One that cannot be opened says why
// in Err; then only Path, Links, Card and Driver are known. One that is in use is none of those: it
// can be opened, and [Probe] tells. No devices are an empty list and no error.
func List() ([]Device, error) { return listIn("/sys/class/video4linux", "/dev") }

func listIn(sys, dev string) ([]Device, error) {
	entries, err := os.ReadDir(sys)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list the video devices: %w", err)
	}
	var numbers []int
	for _, entry := range entries {
		// Others are radio, teletext and parts of cameras. Their names are not videoN.
		number, isVideo := strings.CutPrefix(entry.Name(), "video")
		if n, err := strconv.Atoi(number); isVideo && err == nil && n >= 0 {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	links := links(filepath.Join(dev, "v4l", "by-id"))
	devices := make([]Device, 0, len(numbers))
	for _, n := range numbers {
		name := "video" + strconv.Itoa(n)
		device := look(filepath.Join(sys, name), filepath.Join(dev, name))
		if real, err := filepath.EvalSymlinks(device.Path); err == nil {
			device.Links = links[real]
		}
		devices = append(devices, device)
	}
	return devices, nil
}

// look describes one device by itself, and by what the kernel says where it cannot be opened.
func look(sys, path string) Device {
	n, err := openNode(path)
	if err == nil {
		defer n.close()
		var device Device
		if device, _, err = describe(n, path); err == nil {
			return device
		}
	}
	if _, missing := os.Stat(path); errors.Is(missing, fs.ErrNotExist) {
		err = fmt.Errorf("the kernel has this device, but %s is missing: a container must be given it (docker run --device %s)", path, path)
	}
	card, _ := os.ReadFile(filepath.Join(sys, "name"))               // "" where it has none
	driver, _ := os.Readlink(filepath.Join(sys, "device", "driver")) // "" where it has none
	device := Device{Path: path, Card: text(card), Err: err}
	if driver != "" {
		device.Driver = filepath.Base(driver)
	}
	return device
}

// links maps devices to the links in a folder that lead to them.
func links(folder string) map[string][]string {
	found := make(map[string][]string)
	entries, err := os.ReadDir(folder)
	if err != nil {
		return found // a system without udev has none
	}
	slices.SortFunc(entries, func(a, b os.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	for _, entry := range entries {
		link := filepath.Join(folder, entry.Name())
		if target, err := filepath.EvalSymlinks(link); err == nil {
			found[target] = append(found[target], link)
		}
	}
	return found
}
