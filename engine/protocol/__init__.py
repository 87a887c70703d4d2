"""Requests to the engine and events from it, as frozen dataclasses that may cross threads and processes. No torch."""
