"""The command line of the whole program: it opens the screen, draws without it, and answers questions about the installation."""
