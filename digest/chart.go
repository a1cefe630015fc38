package digest

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"slices"
	"strings"
	"time"
)

// Size of a chart in pixels: twice of what is shown, for sharp screens.
const (
	chartWidth  = 600
	chartHeight = 120
)

// Colours that stand out on white and on black: mail programs turn the page dark
// and leave pictures as they are, so the ground is transparent.
var chartColours = color.Palette{
	color.Transparent,
	color.NRGBA{0x8d, 0x96, 0xa3, 0xff}, // Usual.
	color.NRGBA{0xd9, 0x3a, 0x2b, 0xff}, // Counts.
	color.NRGBA{0x6b, 0x73, 0x80, 0xff}, // The line below.
}

// PNG draws the chart: a grey bar for what is usual, and a red one before it.
func (c *Chart) PNG() ([]byte, error) {
	img := image.NewPaletted(image.Rect(0, 0, chartWidth, chartHeight), chartColours)
	fill := func(x0, y0, x1, y1, colour int) {
		draw.Draw(img, image.Rect(x0, y0, x1, y1), image.NewUniform(chartColours[colour]), image.Point{}, draw.Src)
	}
	const base = chartHeight - 4
	top := c.top()
	for i, n := range c.Counts {
		x0, x1 := i*chartWidth/len(c.Counts), (i+1)*chartWidth/len(c.Counts)
		gap := max(1, (x1-x0)/10)
		if c.Usual != nil {
			fill(x0+gap, base-barHeight(c.Usual[i], top, base), x1-gap, base, 1)
		}
		inner := gap + (x1-x0)/6
		fill(x0+inner, base-barHeight(float64(n), top, base), x1-inner, base, 2)
	}
	fill(0, base, chartWidth, base+2, 3)
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, img); err != nil {
		return nil, fmt.Errorf("draw chart: %w", err)
	}
	return b.Bytes(), nil
}

// top is the highest value of the chart, at least 1.
func (c *Chart) top() float64 {
	top := 1.0
	for _, n := range c.Counts {
		top = max(top, float64(n))
	}
	for _, u := range c.Usual {
		top = max(top, u)
	}
	return top
}

// barHeight is a bar's height; what is more than nothing can be seen.
func barHeight(v, top float64, most int) int {
	if v <= 0 {
		return 0
	}
	return max(3, int(v/top*float64(most-4)))
}

// blocks are bars of text, from nothing to the highest.
var blocks = []rune("·▁▂▃▄▅▆▇█")

// Bars is a bar of text for each value, a letter wide, the highest for top.
func Bars(values []float64, top float64) string {
	var b strings.Builder
	for _, v := range values {
		i := 0
		if v > 0 {
			i = min(1+int(v/top*float64(len(blocks)-1)), len(blocks)-1)
		}
		b.WriteRune(blocks[i])
	}
	return b.String()
}

// text is the chart as a line, or "" if nothing was sent in its time.
func (c *Chart) text() string {
	if len(c.Counts) == 0 || slices.Max(c.Counts) == 0 {
		return ""
	}
	values := make([]float64, len(c.Counts))
	for i, n := range c.Counts {
		values[i] = float64(n)
	}
	return Bars(values, c.top())
}

func (c *Chart) usualText() string {
	if c.Usual == nil {
		return ""
	}
	return Bars(c.Usual, c.top())
}

// span tells what the chart reaches over.
func (c *Chart) span(zone *time.Location) string {
	end := c.Start.Add(time.Duration(len(c.Counts)) * c.step())
	return fmt.Sprintf("%s from %s to %s", c.unit(), c.Start.In(zone).Format("Mon 15:04"), end.In(zone).Format("Mon 15:04"))
}

func (c *Chart) unit() string {
	if c.StepHours > 1 {
		return "recipients a day"
	}
	return "recipients an hour"
}

func (c *Chart) step() time.Duration { return time.Duration(c.StepHours) * time.Hour }

// ticks name the moments at the first, second, third and fourth quarter's beginning.
func (c *Chart) ticks(zone *time.Location) []string {
	layout := "15:04"
	if c.StepHours > 1 {
		layout = "2 Jan"
	}
	var names []string
	for i := range 4 {
		at := c.Start.Add(time.Duration(i*len(c.Counts)/4) * c.step())
		names = append(names, at.In(zone).Format(layout))
	}
	return names
}
