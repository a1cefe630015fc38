package traffic

// balancerIP is the address of the load balancer, which the server sees in place of
// those of all workstations.
const balancerIP = "10.0.0.50"

// balanced are sessions as the server sees them through a load balancer that puts its
// own address in place of a workstation's: what is left of that is its HELO name.
// Servers and devices come through it only with BalancedServers. Sessions that change are
// copied.
func (w *World) balanced(sessions []*Session) []*Session {
	if !w.Balanced {
		return sessions
	}
	hosts := map[string]bool{}
	for i := range w.People {
		hosts[w.People[i].Host] = true
	}
	for _, m := range w.Machines {
		if w.BalancedServers {
			hosts[m.Host] = true
		}
	}
	all := make([]*Session, len(sessions))
	for i, s := range sessions {
		if all[i] = s; !hosts[s.HELO] {
			continue
		}
		behind := *s
		behind.Client = balancerIP
		if s.Case.Submitter == "ip:"+s.Client {
			behind.Case.Submitter = behindBalancer(s.HELO)
		}
		all[i] = &behind
	}
	return all
}

// behindBalancer is a client behind the load balancer, as relaywatch writes it.
func behindBalancer(host string) string { return behind(host, balancerIP) }

// behind is a client that is told by its HELO name, as relaywatch writes it.
func behind(host, ip string) string { return "helo:" + lower(host) + "@" + ip }

// Shared tells whether an address is one behind which the infected machine is to be
// named, and not the address.
func (w *World) Shared(ip string) bool { return w.Balanced && ip == balancerIP }
