"""What the screens show of a run, read from its folder or from events. Knows no widget."""
