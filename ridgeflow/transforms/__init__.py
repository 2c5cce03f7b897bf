"""Radon and ridgelet transforms, spectra, and integral representations."""
