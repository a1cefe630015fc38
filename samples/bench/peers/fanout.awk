# Names the hosts with more than 200 distinct accepted recipients within an hour of
# the clock. It keeps nothing.
$9 == "RCPT" && $12 == 250 {
	hour = $1 " " substr($2, 1, 2) " " $3
	if (!((hour, $11) in seen)) {
		seen[hour, $11]
		if (++count[hour] == 201)
			named[$3]
	}
}
END { for (host in named) print host }
