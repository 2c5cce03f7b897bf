"""Both limits: integral representations over depth, and the flow they drive."""
