"""An image from few angles: iterative reconstruction against filtered backprojection."""

import numpy as np
from scipy.sparse.linalg import lsqr

import ridgeflow as rf
from ridgeflow.closed_forms import radon_shepp_logan, shepp_logan

n, n_angles = 128, 32
axis = np.linspace(-1, 1, n)
head = rf.GridField.from_function(shepp_logan, (axis, axis)).values
u, weights = rf.directions(2, n_angles)
offsets = np.linspace(-1.05, 1.05, n)
# Exact line integrals of the ellipses, not what the discrete operator would make of the image.
exact = radon_shepp_logan(u, offsets)
noise = np.random.default_rng(0).normal(size=exact.shape)
sinogram = exact + 0.01 * np.sqrt((exact**2).mean()) * noise


def show(name, image):
    error = np.linalg.norm(image - head) / np.linalg.norm(head)
    print(f"{name:33s} {error:.3f}")


print(f"Shepp-Logan head, {n} x {n}, {n_angles} angles, 1 % of noise: relative L2 error")
for window in ("ramp", "hann"):
    image = rf.radon_inverse(sinogram, u, offsets, (axis, axis), filter=window, weights=weights)
    show(f"filtered backprojection, {window}", image)

# An image with edges: line integrals of the bilinear interpolant, which do not ring.
plan = rf.RadonPlan((axis, axis), u, offsets, method="line")
operator = plan.as_linear_operator()
y = sinogram.ravel()
# Few steps: later ones fit the noise.
show("LSQR, 10 steps", lsqr(operator, y, iter_lim=10)[0].reshape(plan.shape))

# Densities are not negative: gradient steps with momentum, clipped at 0.
norm = 1.0
x = np.ones(operator.shape[1])
for _ in range(15):
    x = operator.rmatvec(operator.matvec(x / norm))
    norm = np.linalg.norm(x)
x = ahead = np.zeros_like(x)
for step in range(1, 51):
    residual = operator.matvec(ahead) - y
    x, before = np.maximum(ahead - operator.rmatvec(residual) / norm, 0), x
    ahead = x + (step - 1) / (step + 2) * (x - before)
show("not negative, 50 gradient steps", x.reshape(plan.shape))
