"""This process and its environment: signals, standard streams, processors, memory, and the processes that train together. No torch at import."""
