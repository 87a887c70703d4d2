"""The commands that need no screen. Knows how to parse options and report on a stream; the work itself is in the packages below."""
