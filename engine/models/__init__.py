"""The networks. They know their own sizes, and nothing of diffusion, files or training."""
