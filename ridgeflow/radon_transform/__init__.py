"""Radon transforms: projections of fields, functions of one profile each direction, and back."""
