package detect

import (
	"slices"

	"relaywatch/mail"
)

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
	last mail.Time   // Of its newest stranger.
	pos  mail.LogPos // Of that.
}

// maxMembers bounds what is kept of a campaign: that many tell as much as more. The
// newest are kept, so that as many are told as there are, up to this number.
const maxMembers = 32

// fork are campaigns that begin with those of c and leave them as they are.
func (c *campaigns) fork() campaigns { return campaigns{base: c, kept: c.kept} }

// join adds a submitter to a campaign and tells who is in it, the submitter last, until
// the next one joins.
func (c *campaigns) join(what uint32, who mail.Submitter, at mail.Time, pos mail.LogPos) []member {
	if at-c.kept >= seconds(Quiet) {
		c.drop(at)
	}
	members, own := c.by[what]
	now := members[:0]
	if !own && c.base != nil {
		members = c.base.by[what]
	}
	for _, m := range members {
		if m.who != who && at-m.last <= seconds(Quiet) {
			now = append(now, m)
		}
	}
	now = append(slices.Delete(now, 0, max(0, len(now)-maxMembers+1)), member{who, at, pos})
	if c.by == nil {
		c.by = make(map[uint32][]member)
	}
	c.by[what] = now
	return now
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

// othersOf are the rows of the others in the campaign that a rule asks about, at a row of
// s: the newest stranger of each, or the recipient that all of them mailed.
func (j *judge) othersOf(s *subject, r *row, rule *Rule) []mail.LogPos {
	var members []member
	switch {
	case slices.Contains(rule.measures, sigCampaignHosts):
		members = r.campaign
	case slices.Contains(rule.measures, sigAlikeHosts):
		members = r.alike
	case slices.Contains(rule.measures, sigCommonHosts):
		return j.othersMailing(s, r)
	}
	var rows []mail.LogPos
	for i := range len(members) - 1 {
		rows = append(rows, members[i].pos)
	}
	return rows
}
