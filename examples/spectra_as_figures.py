"""Ridgelet spectra in one, two and three dimensions, drawn as papers draw them."""

import ridgeflow as rf

eta = rf.activation("tanh")
laws = {
    "line": rf.GaussianMixture([0.4, 0.6], [[-0.8], [0.6]], [0.05, 0.2]),
    "plane": rf.GaussianMixture(
        [0.4, 0.6],
        [[-0.8, 0.2], [0.6, -0.3]],
        [[[0.2, 0.05], [0.05, 0.3]], [[0.06, -0.03], [-0.03, 0.25]]],
    ),
    "space": rf.GaussianMixture(
        [0.4, 0.6],
        [[-0.8, 0.2, 0.0], [0.6, -0.3, 0.0]],
        [
            [[0.3, 0.0, 0.0], [0.0, 0.1, 0.0], [0.0, 0.0, 0.5]],
            [[0.2, 0.0, 0.0], [0.0, 0.3, 0.0], [0.0, 0.0, 0.4]],
        ],
    ),
}
for (name, law), tol in zip(laws.items(), (1e-4, 1e-4, 1e-2), strict=True):
    psi = rf.admissible_ridgelet(eta, law.dim)
    grid = rf.ParameterGrid.for_field(law, eta, psi, tol)
    spectrum = rf.ridgelet_transform(law, psi, grid)
    spectrum.plot().savefig(f"{name}.png", dpi=100)
    print(spectrum)
