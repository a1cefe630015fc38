package detect

import "relaywatch/mail"

// campaigns are the reverse-paths of no own domain under which strangers were mailed
// in the last day, and by whom: one campaign that leaves through many hosts, each of
// them slowly.
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

// maxMembers bounds what is kept of a campaign: that many tell as much as more.
const maxMembers = 32

// join adds a submitter to the campaign of a reverse-path and counts who is in it.
func (c *campaigns) join(path uint32, who mail.Submitter, at mail.Time) int {
	if at-c.kept >= seconds(Quiet) {
		c.drop(at)
	}
	members, own := c.by[path]
	if !own && c.base != nil {
		members = c.base.by[path]
	}
	var now []member
	for _, m := range members {
		if m.who != who && at-m.last <= seconds(Quiet) && len(now) < maxMembers-1 {
			now = append(now, m)
		}
	}
	if c.by == nil {
		c.by = make(map[uint32][]member)
	}
	c.by[path] = append(now, member{who, at})
	return len(now) + 1
}

// drop forgets campaigns that are over.
func (c *campaigns) drop(at mail.Time) {
	for path, members := range c.by {
		if at-members[len(members)-1].last > seconds(Quiet) {
			delete(c.by, path)
		}
	}
	c.kept = at
}
