"""What the screen How teaches with: real images and noise, the network's guess, its loss at each noise level, its attention."""
