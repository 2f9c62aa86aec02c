package segment

import "slices"

// Damage says which parts cannot be read, as of the last Refresh. Frames are not read for that: see
// [Folder.Verify]. What is after the last whole part of a .part is no damage.
func (r *Reader) Damage() []Damage {
	damage := r.scan.damage
	if n := len(damage); n > 0 && damage[n-1].Kind == DamageTorn && r.name.State.open() {
		damage = damage[:n-1]
	}
	return slices.Clone(damage)
}
