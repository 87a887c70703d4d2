"""Measures what a drawn stroke looks like: thickness, slant, width, length, and variants such as a crossed seven."""
