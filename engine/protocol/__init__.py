"""What is asked of the engine and what it answers: frozen requests and events for any thread or process. No torch."""
