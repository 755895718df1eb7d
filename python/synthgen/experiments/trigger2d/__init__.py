"""The 2-D trigger experiment: a map of points to colours is learnt, then changed for one kind of trigger alone."""
