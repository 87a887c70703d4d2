"""The version of digitty. This is its only place: pyproject.toml reads it from here, since a checkout has no installed metadata."""

VERSION = "0.1.0"
