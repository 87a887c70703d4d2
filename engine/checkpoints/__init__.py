"""Weights and training states as files: written whole, verified by a checksum, read without running code. Knows no device and no run folder."""
