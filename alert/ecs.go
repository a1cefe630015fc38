package alert

import (
	"encoding/json"
	"net/netip"
	"strings"
	"time"

	"relaywatch/mail"
)

// ecsVersion is the version of the Elastic Common Schema whose fields are used.
const ecsVersion = "8.11.0"

// object is a JSON object; encoding/json sorts its keys, so that doubles are the same.
type object = map[string]any

// ecs is the alert as JSON with the fields of the Elastic Common Schema. What has none
// there is under relaywatch, with the keys of the webhook.
func (a *Message) ecs(version string) ([]byte, error) {
	event := object{
		"id": a.ID, "kind": "alert", "category": []string{"email", "intrusion_detection"}, "type": []string{"info"}, "action": "episode-" + a.Event,
		"module": "relaywatch", "dataset": "relaywatch.episode", "severity": a.cefSeverity(), "risk_score": a.Score,
		"created": a.Made.UTC().Format(time.RFC3339), "start": a.FirstFlagged.UTC().Format(time.RFC3339), "end": a.LastFlagged.UTC().Format(time.RFC3339),
	}
	o := object{
		"@timestamp": a.LastFlagged.UTC().Format(time.RFC3339), "ecs": object{"version": ecsVersion}, "message": a.Summary, "event": event,
		"observer": object{"vendor": "relaywatch", "product": "relaywatch", "version": version, "hostname": a.Host},
		"relaywatch": object{
			"submitter": a.Submitter, "episode": a.Episode, "step": a.Step, "grew": a.Grew, "provisional": a.Provisional, "severity": a.Severity, "rules": a.Rules,
			"recipients": a.Recipients, "external_recipients": a.External, "transactions": a.Transactions, "state": a.State,
		},
	}
	if len(a.Rules) > 0 {
		o["rule"] = object{"name": a.Rules[0], "ruleset": "relaywatch"}
	}
	switch a.Kind {
	case mail.KindIP, mail.KindHELO:
		client := mail.Submitter{Kind: a.Kind, Value: a.Value}.Address()
		source := object{"address": client}
		if _, err := netip.ParseAddr(client); err == nil { // The field takes nothing else.
			source["ip"] = client
			o["related"] = object{"ip": []string{client}}
		}
		if a.Kind == mail.KindHELO { // The name of the machine that has the address with others.
			source["domain"] = strings.TrimSuffix(a.Value, "@"+client)
		}
		o["source"] = source
	case mail.KindSender:
		o["email"] = object{"from": object{"address": []string{a.Value}}}
		o["related"] = object{"user": []string{a.Value}}
	default:
		o["user"] = object{"name": a.Value}
		o["related"] = object{"user": []string{a.Value}}
	}
	return json.Marshal(o)
}
