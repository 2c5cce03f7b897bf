"""The ridgelet transform and its relatives: wavelet transforms of Radon projections, and back."""
