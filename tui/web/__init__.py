"""The screen in a browser: who may connect, the page, and one session for each tab."""
