package people

import (
	"fmt"
	"image/color"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// quiet is the white edge around a QR code, in modules. ISO/IEC 18004 wants four.
const quiet = 4

// qrCode is a QR code as the path of an SVG image: no other format is as sharp, and none
// needs less of the content policy.
type qrCode struct {
	size int // with the edge, in modules
	path string
}

// qrOf returns the QR code of a text, the zero one for a text that is too long.
func qrOf(text string) qrCode {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return qrCode{}
	}
	var path strings.Builder
	size := code.Bounds().Dx()
	for y := range size {
		for x := range size {
			if code.At(x, y) == color.Black {
				fmt.Fprintf(&path, "M%d %dh1v1h-1z", x+quiet, y+quiet)
			}
		}
	}
	return qrCode{size: size + 2*quiet, path: path.String()}
}

func (c qrCode) viewBox() string { return fmt.Sprintf("0 0 %d %d", c.size, c.size) }
