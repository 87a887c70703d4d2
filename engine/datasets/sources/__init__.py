"""Reads pictures and their labels from anywhere: `registry.open_source` opens a SOURCE, whose interface is in source.py. It resizes nothing.

Files may be anybody's. A damaged or hostile one costs a warning with its name; none of them runs code or fills the memory.
"""
