"""Files and folders: where they are, how they are written whole, and pictures. No torch."""
