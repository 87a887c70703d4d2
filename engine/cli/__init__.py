"""The commands that need no screen: they parse options and print what a job reports. The work itself is in the packages below."""
