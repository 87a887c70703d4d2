"""Widgets: each shows its data and knows nothing of how the engine produces it."""
