"""The width limit, discretised: finite shallow and residual networks."""
