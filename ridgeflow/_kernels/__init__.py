"""Numba loops: arrays in, arrays out, no checks. Callers validate, allocate and reshape."""
