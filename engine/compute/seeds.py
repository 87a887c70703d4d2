"""Independent random seeds, derived from one."""

from __future__ import annotations


def derive_seed(*keys: int) -> int:
    """A 63-bit seed that depends on all keys (splitmix64, Steele et al. 2014). Neighbouring keys give unrelated seeds."""
    state = 0
    for key in keys:
        state = (state ^ key) + 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
        state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
        state = (state ^ state >> 27) * 0x94D049BB133111EB & 0xFFFFFFFFFFFFFFFF
        state ^= state >> 31
    return state >> 1
