"""The jobs that screens and commands start, in this process or in another. Light: torch is imported when a job starts."""
