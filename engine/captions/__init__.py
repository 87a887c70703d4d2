"""Captions that state facts about pictures of digits, for training a text encoder; what they state is known. Knows no network. No torch."""
