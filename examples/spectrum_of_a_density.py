"""The ridgelet spectrum of a density: transform, error budget, rebuild, keep, load."""

import tempfile
from pathlib import Path

import numpy as np

import ridgeflow as rf

law = rf.GaussianMixture([0.4, 0.6], [[-0.5, -0.5], [0.5, 0.3]], [0.2, 0.3])
eta = rf.activation("tanh")
psi = rf.admissible_ridgelet(eta, law.dim)

# The grid follows from the tolerance: which scales, how many directions, which offsets.
grid = rf.ParameterGrid.for_field(law, eta, psi, 1e-4)
spectrum = rf.ridgelet_transform(law, psi, grid, tol=1e-6)
budget = spectrum.error_budget(eta)
print(f"{grid.size} nodes, admissibility constant K = {rf.admissibility(eta, psi):.4f}")
print(f"estimated error {budget.total:.1e}: truncation {budget.truncation:.1e}, ", end="")
print(f"quadrature {budget.quadrature:.1e}, directions {budget.directions:.1e}")

points = law.sample(2000, rng=0)
rebuilt = rf.reconstruct(spectrum, eta, points)
error = np.linalg.norm(rebuilt - law.pdf(points)) / np.linalg.norm(law.pdf(points))
print(f"measured error  {error:.1e}")

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "spectrum.npz")
    spectrum.save(path)
    assert np.array_equal(rf.load_spectrum(path).values, spectrum.values)
