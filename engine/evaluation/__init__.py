"""How good drawn pictures are: accuracy, Fréchet distance, precision and recall, memorisation. Knows no screen and no command line."""
