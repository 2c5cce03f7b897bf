"""Parameter grids (a, b), their transfer functions, and their choice from a tolerance."""
