"""This process and its surroundings: signals, standard streams, processors, and other processes that train with it. No torch."""
