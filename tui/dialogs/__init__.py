"""Windows over a screen that ask one thing and close. They know the studio, not the screens."""
