"""Pictures of solids on a floor, in colour: a data set that digitty draws itself, so that it needs no download."""
