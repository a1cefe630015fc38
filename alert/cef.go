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
// the backslash. Line ends are gone before: see mail.Visible.
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
		b.WriteString("|" + cefHeader.Replace(mail.Visible(field)))
	}
	b.WriteString("|")
	for i, e := range a.extensions() {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%s=%s", e[0], cefExtension.Replace(mail.Visible(e[1])))
	}
	return b.String()
}

// extensions are the fields of the CEF dictionary that an episode has, and numbered
// ones with their labels for what it has none for. What is empty is left out.
func (a *Message) extensions() [][2]string {
	var list [][2]string
	add := func(key, label, value string) {
		if value == "" {
			return
		}
		list = append(list, [2]string{key, value})
		if label != "" {
			list = append(list, [2]string{key + "Label", label})
		}
	}
	add("externalId", "", a.ID)
	add("rt", "", millis(a.Made))
	add("start", "", millis(a.FirstFlagged))
	add("end", "", millis(a.LastFlagged))
	add("dvchost", "", a.Host)
	add("act", "", a.Event)
	client := mail.Submitter{Kind: a.Kind, Value: a.Value}.Address()
	switch address, err := netip.ParseAddr(client); {
	case err == nil && address.Is4():
		add("src", "", client)
	case err == nil:
		add("c6a2", "Source IPv6 Address", client)
	default:
		add("suser", "", a.Value)
	}
	if a.Kind == mail.KindHELO {
		add("shost", "", strings.TrimSuffix(a.Value, "@"+client))
	}
	add("cs1", "submitter", a.Submitter)
	add("cs2", "rules", strings.Join(a.Rules, ","))
	add("cs3", "episode", a.Episode)
	add("cs4", "severity", string(a.Severity))
	add("cs5", "grew", strings.Join(a.Grew, ","))
	add("cn1", "recipients", strconv.Itoa(a.Recipients))
	if a.External != nil {
		add("cn2", "external recipients", strconv.Itoa(*a.External))
	}
	add("cn3", "step", strconv.Itoa(a.Step))
	add("msg", "", a.Summary)
	return list
}

// millis is a time as CEF has it: milliseconds since 1970.
func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
