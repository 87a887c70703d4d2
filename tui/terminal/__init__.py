"""The terminal itself: what it can show, what is typed, what is sent to it and how fast, and how it is restored."""
