"""The screen in a browser: access control, the page, and a session for each tab."""
