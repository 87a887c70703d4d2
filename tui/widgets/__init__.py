"""Widgets: each shows what it is given and knows nothing of the engine's work."""
