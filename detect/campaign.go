package detect

import "relaywatch/mail"

// campaigns are what hosts have in common that mailed strangers in the last day, as the
// reverse-path of no own domain, and which they are: one campaign that leaves through
// many hosts, each of them slowly.
type campaigns struct {
	base *campaigns // Is read too and never changed; nil in the engine itself.
	by   map[uint32][]member
	kept mail.Time // When those that are over were dropped last.
}

// member is a submitter of a campaign.
type member struct {
	who  mail.Submitter
	last mail.Time // Of its newest stranger.
}

// maxMembers bounds what is kept of a campaign: that many tell as much as more. The
// newest are kept, so that as many are told as there are, up to this number.
const maxMembers = 32

// fork are campaigns that begin with those of c and leave them as they are.
func (c *campaigns) fork() campaigns { return campaigns{base: c, kept: c.kept} }

// join adds a submitter to a campaign and counts who is in it.
func (c *campaigns) join(what uint32, who mail.Submitter, at mail.Time) int {
	if at-c.kept >= seconds(Quiet) {
		c.drop(at)
	}
	members, own := c.by[what]
	if !own && c.base != nil {
		members = c.base.by[what]
	}
	var now []member
	for _, m := range members {
		if m.who != who && at-m.last <= seconds(Quiet) {
			now = append(now, m)
		}
	}
	now = now[max(0, len(now)-maxMembers+1):]
	if c.by == nil {
		c.by = make(map[uint32][]member)
	}
	c.by[what] = append(now, member{who, at})
	return len(now) + 1
}

// drop forgets campaigns that are over.
func (c *campaigns) drop(at mail.Time) {
	for what, members := range c.by {
		if at-members[len(members)-1].last > seconds(Quiet) {
			delete(c.by, what)
		}
	}
	c.kept = at
}
