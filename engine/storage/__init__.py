"""Files and folders: where they are, how they are written in one piece, and pictures. No torch."""
