"""Drawing images with trained weights: pipelines in memory, batches of images, and which images to redraw. Knows no screen."""
