"""What a screen or a command line asks the engine to do, in this process or in another. Light: torch is imported when a job starts."""
