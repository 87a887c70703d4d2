"""The screens, each of which shows one kind of work. They know dialogs, widgets and the studio, not the application."""
