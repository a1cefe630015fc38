package ingest

import (
	"bytes"
	"fmt"
	"testing"

	"relaywatch/mail"
)

// benchLines are rows of parallel sessions as a relay has them: five recipients a
// message, a quoted reply, permissions, and the rows of TLS.
func benchLines(sessions int) [][]byte {
	var lines [][]byte
	for s := range sessions {
		log := exchangeRows(`EX01\Default Frontend EX01`, fmt.Sprintf("08DA%012X", s), "10.0.0.5:25", fmt.Sprintf("10.1.%d.%d:50100", s/250, s%250), greeting+fmt.Sprintf(`
			* SMTPSubmit SMTPAcceptAnySender SMTPAcceptAuthoritativeDomainSender AcceptRoutingHeaders|Set Session Permissions
			* |TLS protocol SP_PROT_TLS1_2_SERVER negotiation succeeded using bulk encryption algorithm CALG_AES_256, strength 256 bits
			< MAIL FROM:<user%d@corp.example> SIZE=20480
			* 08DA000000000001;2023-01-11T16:00:00.000Z;1|receiving message
			> 250 2.1.0 Sender OK
			< RCPT TO:<a%[1]d@example.net>
			> 250 2.1.5 Recipient OK
			< RCPT TO:<b%[1]d@example.net>
			> 250 2.1.5 Recipient OK
			< RCPT TO:<c%[1]d@example.net>
			> 250 2.1.5 Recipient OK
			< RCPT TO:<d%[1]d@example.net>
			> 250 2.1.5 Recipient OK
			< RCPT TO:<e%[1]d@example.net>
			> 250 2.1.5 Recipient OK
			< BDAT 20480 LAST
			> 250 2.6.0 <%[1]d@corp.example> [InternalId=42842298777605, Hostname=EX01.corp.example] 21480 bytes in 0.777, 4.338 KB/sec Queued mail for delivery
			< QUIT
			> 221 2.0.0 Service closing transmission channel
			- |Local`, s))
		lines = append(lines, bytes.Split(bytes.TrimSpace([]byte(log)), []byte{'\n'})...)
	}
	return lines
}

func BenchmarkExchangeDecode(b *testing.B) {
	lines := benchLines(2000)
	d := newExchangeLog(b, FormatExchangeReceive).decoder
	b.ReportAllocs()
	rows := 0
	for b.Loop() {
		for i, line := range lines {
			if _, _, err := d.decode(line, mail.LogPos{Offset: int64(i)}); err != nil {
				b.Fatal(err)
			}
		}
		rows += len(lines)
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkExchangeSessions(b *testing.B) {
	lines := benchLines(2000)
	l := newExchangeLog(b, FormatExchangeReceive)
	b.ReportAllocs()
	rows := 0
	for b.Loop() {
		for i, line := range lines {
			if _, _, err := l.decoder.decode(line, mail.LogPos{Offset: int64(i)}); err != nil {
				b.Fatal(err)
			}
			l.decoder.apply()
		}
		var batch Batch
		l.tray.take(&batch)
		rows += len(lines)
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}
