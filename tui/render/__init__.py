"""Images, plots and captions as characters. Pure functions: no Textual, no state."""
