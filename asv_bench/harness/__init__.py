"""One harness for `chakra bench` and asv: a server, its data, targets, peers, and the clock."""
