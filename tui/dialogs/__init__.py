"""Windows over a screen that ask for one thing and close. They know the studio, not the screens."""
