"""Training: the loop, one step of it, distillation, and what is saved when. Knows no screen and no command line."""
