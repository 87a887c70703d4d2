"""Images drawn with trained weights: which weights are in memory, in which batches they draw, which images are drawn again."""
