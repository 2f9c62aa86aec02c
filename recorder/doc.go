// Package recorder writes the frames that the broker keeps of a camera to files, loses none that was
// stored, and gives them back: what there is, replay, export.
//
// A camera's frames wait in its stream until they are on disk. They are acknowledged only after the
// part of the segment that holds them is synced, so that a recorder that is killed, a full disk or a
// failed write cost nothing but time. Files are the truth; the index can be made from them.
//
// It never looks into a picture beyond its markers. What does not belong here: how a segment looks on
// disk (package segment), which segments there are (package index), how frames cross the network
// and come back in order (package bus), and where they come from.
package recorder
