// Package alert tells machines, as a SIEM, of an episode that opened, has grown or was
// withdrawn.
//
// Message is one alert. Webhook.Send hands it to a web server as JSON, Syslog.Send to a
// syslog server (RFC 5424) as CEF or as ECS fields; either returns what the other side
// answered, and an error that tells whether the same alert may be taken later (Busy),
// or is not wanted (Refused).
//
// An alert that is sent again is the same, byte for byte, so that its ID tells doubles.
// Names in it come from logs, so from strangers: none begins a new field, line or
// message, and all are cut. The package reads no store and no configuration, a clock only
// for the deadlines of the network, and keeps no state: that an alert is sent at least
// once is the caller's business.
package alert
