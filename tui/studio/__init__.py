"""What all screens share: the jobs, the settings, and the run that this process trains. Knows no screen and no dialog."""
