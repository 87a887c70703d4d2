"""Data sets as the user has them, and what training needs of them. No torch; numpy and Pillow are imported when pictures are read.

sources reads any SOURCE: a folder, an archive, an .npz file, a data set's name. Nothing that its files hold is run.
"""
