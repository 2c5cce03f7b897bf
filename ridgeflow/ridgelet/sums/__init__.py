"""Fast sums over samples and over nodes, behind the transform and the reconstruction."""
