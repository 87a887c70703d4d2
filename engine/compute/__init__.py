"""Which device computes, and in which precision and memory layout it is fastest. Knows no training and no sampling beyond a trial step of each."""
