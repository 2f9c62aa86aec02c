package broker

import "github.com/lensbus/lensbus/config/bytesize"

// Bytes is a size; see [bytesize.Bytes].
type Bytes = bytesize.Bytes

// Units of [Bytes].
const (
	KiB = bytesize.KiB
	MiB = bytesize.MiB
	GiB = bytesize.GiB
)
