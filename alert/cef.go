package alert

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"relaywatch/detect"
	"relaywatch/mail"
)

// What CEF escapes: in its header a bar, in an extension an equals sign, and in both
// the backslash. Line ends are gone before: see clean.
var (
	cefHeader    = strings.NewReplacer(`\`, `\\`, `|`, `\|`)
	cefExtension = strings.NewReplacer(`\`, `\\`, `=`, `\=`)
)

// titles are CEF's names of the events.
var titles = map[string]string{
	detect.Opened:    "Submitter under suspicion of sending spam",
	detect.Grown:     "Suspicion of sending spam has grown",
	detect.Withdrawn: "Suspicion of sending spam withdrawn",
	EventTest:        "Test of relaywatch",
}

// cefSeverity is on CEF's scale from 0 to 10.
func (a *Message) cefSeverity() int {
	switch {
	case a.Event == EventTest || a.Event == detect.Withdrawn:
		return 0
	case a.Severity == detect.Critical:
		return 10
	case a.Severity == detect.High:
		return 8
	case a.Severity == detect.Medium:
		return 5
	}
	return 3
}

// cef is the alert in ArcSight's Common Event Format.
func (a *Message) cef(version string) string {
	var b strings.Builder
	b.WriteString("CEF:0")
	for _, field := range []string{"relaywatch", "relaywatch", version, "episode-" + a.Event, titles[a.Event], strconv.Itoa(a.cefSeverity())} {
		b.WriteString("|" + cefHeader.Replace(clean(field)))
	}
	b.WriteString("|")
	for i, e := range a.extensions() {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%s=%s", e[0], cefExtension.Replace(clean(e[1])))
	}
	return b.String()
}

// extensions are the fields of the CEF dictionary that an episode has, and numbered
// ones with their labels for what it has none for.
func (a *Message) extensions() [][2]string {
	list := [][2]string{
		{"externalId", a.ID}, {"rt", millis(a.Made)}, {"start", millis(a.FirstFlagged)}, {"end", millis(a.LastFlagged)}, {"dvchost", a.Host}, {"act", a.Event},
	}
	switch address, err := netip.ParseAddr(a.Value); {
	case a.Kind == mail.KindIP && err == nil && address.Is4():
		list = append(list, [2]string{"src", a.Value})
	case a.Kind == mail.KindIP && err == nil:
		list = append(list, [2]string{"c6a2", a.Value}, [2]string{"c6a2Label", "Source IPv6 Address"})
	default:
		list = append(list, [2]string{"suser", a.Value})
	}
	list = append(
		list, [2]string{"cs1Label", "submitter"}, [2]string{"cs1", a.Submitter}, [2]string{"cs2Label", "rules"}, [2]string{"cs2", strings.Join(a.Rules, ",")},
		[2]string{"cs3Label", "episode"}, [2]string{"cs3", a.Episode}, [2]string{"cs4Label", "severity"}, [2]string{"cs4", string(a.Severity)},
		[2]string{"cs5Label", "grew"}, [2]string{"cs5", strings.Join(a.Grew, ",")}, [2]string{"cn1Label", "recipients"}, [2]string{"cn1", strconv.Itoa(a.Recipients)},
	)
	if a.External != nil {
		list = append(list, [2]string{"cn2Label", "external recipients"}, [2]string{"cn2", strconv.Itoa(*a.External)})
	}
	return append(list, [2]string{"cn3Label", "step"}, [2]string{"cn3", strconv.Itoa(a.Step)}, [2]string{"msg", a.Summary})
}

// millis is a time as CEF has it: milliseconds since 1970.
func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
