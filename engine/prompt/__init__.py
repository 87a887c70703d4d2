"""Text -> labels, and what is asked of each picture: reading.py leads through it, parser.py is its front door. Knows no network. No torch."""
