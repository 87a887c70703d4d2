"""Training images and the order in which they are used. Knows no network."""
