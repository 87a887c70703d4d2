"""What a person has chosen and what the program remembers: config.toml, keys, themes, earlier prompts. Knows no widget."""
