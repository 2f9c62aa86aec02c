// Package segment writes and reads recorded frames as fragmented MP4 files.
package segment

import (
	_ "github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	_ "github.com/bluenviron/mediacommon/v2/pkg/formats/pmp4"
)
