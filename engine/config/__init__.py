"""The settings, as frozen dataclasses that check their own values. Plain Python: no torch, no files."""
