"""What all screens share: the running jobs, the settings and the training of this process."""
