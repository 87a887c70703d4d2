"""What can be chosen, as frozen dataclasses that check their own values. Plain Python: no torch, no files."""
