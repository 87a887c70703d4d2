"""A prompt turned into labels. Plain Python: no tensors, no screen."""
