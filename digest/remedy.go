package digest

import (
	"fmt"
	"net/netip"
	"strings"

	"relaywatch/mail"
)

// Step is something to do, with the commands that do it.
type Step struct {
	What     string   `json:"what"`
	Commands []string `json:"commands"`
}

// maxFilters is for how many reverse-paths of an account commands are given; a
// spammer that rotates them has too many.
const maxFilters = 3

// Remedy is what stops a suspect, on the servers that took its mail. What a stranger
// wrote is in a command only if it can't be anything but a name; otherwise the
// command says what to put there.
func (s *Suspect) Remedy() []Step {
	var steps []Step
	done := map[bool]bool{}
	for _, server := range s.Servers {
		if done[server.Exchange] {
			continue
		}
		done[server.Exchange] = true
		name := serverName(server.Name)
		switch {
		case server.Exchange && s.relays():
			steps = append(steps, relayOnExchange(name)...)
		case s.relays():
			steps = append(steps, relayOnIIS(name)...)
		case server.Exchange && s.Submitter.Kind == mail.KindHELO:
			steps = append(steps, s.machineBehind()...)
		case server.Exchange && s.Submitter.Kind == mail.KindIP:
			steps = append(steps, s.hostOnExchange(name)...)
		case server.Exchange:
			steps = append(steps, s.accountOnExchange(name)...)
		case s.Submitter.Kind == mail.KindHELO:
			steps = append(steps, s.machineBehind()...)
		default:
			steps = append(steps, s.hostOnIIS(name)...)
		}
	}
	return steps
}

// Answers are the commands that tell relaywatch what came of it.
func (s *Suspect) Answers() []string {
	who := s.Submitter.String()
	if !plain(strings.TrimPrefix(who, s.Submitter.Kind+":")) && !isAddress(s.Submitter.Value) {
		who = s.Submitter.Kind + ":NAME"
	}
	who = argument(who)
	return []string{
		"relaywatch explain " + who,
		"relaywatch triage " + who + ` confirmed --note "what was done"`,
		"relaywatch triage " + who + ` false-alarm --note "why it may do that"`,
	}
}

func isAddress(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

// serverName is a server's name as an argument.
func serverName(name string) string {
	if !plain(name) || strings.ContainsAny(name, ` \@$+`) {
		return "SERVER"
	}
	return name
}

// address is the suspect's address as an argument; a log may have written anything.
func (s *Suspect) address() string {
	if a, err := netip.ParseAddr(s.Submitter.Value); err == nil {
		return a.WithZone("").String()
	}
	return "ADDRESS"
}

// block is the firewall's rule, which holds whatever the mail server's settings are.
func block(address, ports string) string {
	return fmt.Sprintf(`netsh advfirewall firewall add rule name="relaywatch %s" dir=in action=block protocol=TCP localport=%s remoteip=%s`,
		address, ports, address)
}

// machineBehind is for a machine whose address others have too: to block that would cut
// them off as well.
func (s *Suspect) machineBehind() []Step {
	address := s.Submitter.Address()
	return []Step{
		{"Find the machine that calls itself " + clean(strings.TrimSuffix(s.Submitter.Value, "@"+address), maxName) + ", by its name in the directory or in the leases " +
			"of DHCP behind " + clean(address, maxName) + ", and take it off the network. Do not block that address: others have it, too.", nil},
	}
}

func (s *Suspect) hostOnExchange(server string) []Step {
	address := s.address()
	filter := fmt.Sprintf(`-Server %s -Filter "SourceIP -eq '%s'"`, server, address)
	return []Step{
		{"Block the host, on " + server + ":", []string{block(address, "25,587")}},
		{"See through which connector it comes, and take it out of the addresses there:", []string{
			fmt.Sprintf("Get-ReceiveConnector -Server %s | Format-List Identity,RemoteIPRanges,PermissionGroups", server),
		}},
		{"See what of it still waits, hold that, look at it, and remove it:", []string{
			"Get-Message " + filter + " -ResultSize Unlimited | Group-Object Queue",
			"Suspend-Message " + filter + " -Confirm:$false",
			"Remove-Message " + filter + " -WithNDR $false",
		}},
	}
}

func (s *Suspect) accountOnExchange(server string) []Step {
	account := "ACCOUNT"
	identity := "-Identity ACCOUNT"
	if plain(s.Submitter.Value) && s.Submitter.Kind == mail.KindUser {
		account = s.Submitter.Value
		if i := strings.LastIndexByte(account, '\\'); i >= 0 {
			account = account[i+1:]
		}
		identity = "-Identity " + argument(account)
	}
	disable := "Disable-ADAccount " + identity
	reset := "Set-ADAccountPassword " + identity + " -Reset"
	if strings.Contains(account, "@") {
		find := fmt.Sprintf(`Get-ADUser -Filter "UserPrincipalName -eq '%s'"`, account)
		disable, reset = find+" | Disable-ADAccount", find+" | Set-ADAccountPassword -Reset"
	}
	steps := []Step{{"Disable the account and give it another password:", []string{disable, reset}}}
	var clear []string
	for _, from := range s.ReversePaths[:min(len(s.ReversePaths), maxFilters)] {
		if !plain(from.Text) {
			continue
		}
		filter := fmt.Sprintf(`-Server %s -Filter "FromAddress -eq '%s'"`, server, from.Text)
		clear = append(clear, "Get-Message "+filter+" -ResultSize Unlimited | Group-Object Queue", "Remove-Message "+filter+" -WithNDR $false")
	}
	if len(clear) == 0 {
		clear = []string{fmt.Sprintf("Get-Message -Server %s -ResultSize Unlimited | Group-Object FromAddress | Sort-Object Count", server)}
	}
	return append(steps, Step{"See what still waits under its addresses, look at it, and remove it:", clear})
}

func (s *Suspect) hostOnIIS(server string) []Step {
	address := s.address()
	find := fmt.Sprintf(`findstr /m /c:"[%s]" C:\Inetpub\mailroot\Queue\*.EML`, address)
	steps := []Step{
		{"Block the host, on " + server + ":", []string{block(address, "25")}},
		{"Take it out of the relay list: IIS (6.0) Manager, properties of the SMTP virtual server, Access, Relay, Only the list below, select " +
			address + ", Remove. Access, Connection refuses it for good.", nil},
		{"See what of it still waits, and hold that (at a command prompt; the service rests meanwhile):", []string{
			find,
			`md C:\held`,
			"net stop smtpsvc",
			fmt.Sprintf(`for /f "delims=" %%f in ('%s') do move "%%f" C:\held`, find),
			"net start smtpsvc",
		}},
	}
	if s.Submitter.Kind != mail.KindIP {
		steps[0] = Step{"Disable the account, or give it another password.", nil}
		steps[1] = Step{"Look from which addresses it came, and block those that are not the owner's.", nil}
	}
	return steps
}

func relayOnExchange(server string) []Step {
	connectors := "Get-ReceiveConnector -Server " + server
	anonymous := `Get-ADPermission -User "NT AUTHORITY\ANONYMOUS LOGON" | Where-Object {$_.ExtendedRights -like "*Accept-Any-Recipient*"}`
	return []Step{
		{"See which connector lets strangers relay:", []string{connectors + " | " + anonymous + " | Format-Table Identity,ExtendedRights"}},
		{"Narrow its addresses to known devices, or take that right away (CONNECTOR as printed):", []string{
			"Set-ReceiveConnector CONNECTOR -RemoteIPRanges ADDRESSES",
			`Remove-ADPermission CONNECTOR -User "NT AUTHORITY\ANONYMOUS LOGON" -ExtendedRights Ms-Exch-SMTP-Accept-Any-Recipient`,
		}},
		{"See what still waits:", []string{
			fmt.Sprintf("Get-Queue -Server %s | Sort-Object MessageCount -Descending | Select-Object -First 10", server),
		}},
	}
}

func relayOnIIS(server string) []Step {
	return []Step{
		{"Close the relay, on " + server + ": IIS (6.0) Manager, properties of the SMTP virtual server, Access, Relay: choose " +
			"Only the list below, and leave only known addresses in it.", nil},
		{"See what still waits (at a command prompt), newest first:", []string{`dir /o-d C:\Inetpub\mailroot\Queue\*.EML`}},
	}
}
