"""Which device computes, in which precision and how fast. Knows no training and no sampling beyond a trial step of each."""
