// Package traffic writes SMTP protocol logs that look like those of a real
// company, with spammers in it whose deeds are known to the recipient.
//
// Demo makes the logs that are shipped in samples/: an IIS folder and an Exchange
// folder, each with ordinary mail and with Spammers, the ground truth. Bench makes
// one large IIS log for measurements. NewWorld makes weeks of an organisation's
// ordinary mail to evaluate rules on, whose people write as Behaviour says.
//
// It works in three steps: people and machines (Person) have sessions (Session),
// whose mail the server delivers (Delivery); writers turn both into log rows.
// Equal seeds give equal bytes: there is no clock and no other source of chance.
//
// The package imports nothing of relaywatch. It is an independent writer of the
// formats, and so what it writes can prove the readers wrong.
package traffic
