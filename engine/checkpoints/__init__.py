"""Weights and training states as files: written whole, checked by a digest, read without running code. Knows no device and no run folder."""
