"""The four screens and their dialogs."""
