"""What the tests share: a server and its databases, a clock, a proxy in front of a database."""
