"""Spectra as objects: values on nodes with their history, arithmetic, calculus and files."""
