package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/publisher/source/v4l2"
)

// checkDevices looks at the video devices that there are, and at those that the file's cameras want.
func checkDevices(ctx context.Context, p *patient) []finding {
	devices, err := p.devices()
	if err != nil {
		return []finding{{Status: fail, Text: err.Error(), Do: "run it where the kernel shows its devices (/sys, /dev)"}}
	}
	var found []finding
	wanted := p.used("v4l2")
	for _, d := range devices {
		for _, link := range d.Links { // a link is a device's name too
			if i := slices.Index(wanted, link); i >= 0 {
				wanted[i] = d.Path
			}
		}
	}
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	capturing := 0
	for _, d := range devices {
		name := d.Path
		if d.Card != "" {
			name += " (" + d.Card + ")"
		}
		switch isWanted := slices.Contains(wanted, d.Path); {
		case d.Err != nil:
			found = append(found, finding{Status: fail, Text: name + ": " + d.Err.Error()})
		case isWanted: // below
		case d.Capture:
			found = append(found, finding{Status: ok, Text: name + ": " + formatsText(d)})
		}
		if d.Capture {
			capturing++
		}
	}
	for _, path := range wanted {
		if slices.ContainsFunc(devices, func(d v4l2.Device) bool { return d.Path == path && d.Err != nil }) {
			continue // said above
		}
		found = append(found, p.probeWanted(ctx, path))
	}
	if capturing == 0 && len(found) == 0 {
		found = append(found, finding{Status: warn, Text: "no video device: there is nothing for v4l2: sources",
			Do: "plug a camera in; give a container its device (docker run --device /dev/video0), a virtual machine its USB port"})
	}
	return found
}

// probeWanted looks at a device that a camera of the file wants.
func (p *patient) probeWanted(ctx context.Context, path string) finding {
	device, err := p.probe(path)
	if err == nil {
		return finding{Status: ok, Text: fmt.Sprintf("%s (%s), which the file wants: %s", path, device.Card, formatsText(device))}
	}
	// Where it is in use, it may be by lensbus itself.
	if cameras, busErr := p.cameras(ctx); busErr == nil {
		for _, c := range cameras {
			address, _, _ := strings.Cut(c.Source, "?")
			if c.Host == p.host && c.State == frame.StateLive && address == "v4l2:"+path {
				return finding{Status: ok, Text: fmt.Sprintf("%s is in use by camera %s of lensbus, which is live", path, c.ID)}
			}
		}
	}
	return finding{Status: fail, Text: fmt.Sprintf("%s, which the file wants: %v", path, err), Do: "until then the camera is lost; `lensbus cameras` tells when it comes back"}
}

// formatsText is what a device delivers.
func formatsText(d v4l2.Device) string {
	if len(d.Formats) == 0 {
		return "tells no formats"
	}
	text := "delivers " + strings.Join(d.Formats, ", ")
	if !slices.Contains(d.Formats, "MJPG") && !slices.Contains(d.Formats, "JPEG") {
		text += "; no JPEG of its own, so encoding takes CPU here"
	}
	return text
}
