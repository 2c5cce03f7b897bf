"""Denoising a law by compositions of more and more layers, and by their continuous limit."""

import numpy as np

import ridgeflow as rf

# For a normal law the layers are exact, so that what is left is the effect of finite depth.
normal = rf.GaussianMixture([1.0], [[0.0, 0.0]], [[1.3, 0.4], [0.4, 0.8]])
flow = rf.ContinuousDAE(normal)
t = 0.5 * flow.t_max
x = normal.sample(500, rng=0)
limit = flow.flow(x, t).points
moved = np.sqrt(((limit - x) ** 2).sum(1).mean())
print(f"total noise variance {t:.3f}, RMS displacement of the continuous flow {moved:.3f}")
for depth in (1, 2, 4, 8, 16):
    distance = np.sqrt(((rf.DeepDAE(normal, t, depth)(x) - limit) ** 2).sum(1).mean())
    print(f"depth {depth:2d}: distance to the continuous flow {distance / moved:.4f}")

# Along the flow of any law, entropy falls at the rate of the Fisher information.
mixture = rf.GaussianMixture([0.5, 0.5], [[-0.8, 0.0], [0.8, 0.0]], [0.3, 0.2])
flow = rf.ContinuousDAE(mixture)
step = 0.02
before, after = (rf.entropy(flow.law(s), rng=0) for s in (0.0, step))
fisher = rf.fisher_information(flow.law(0.5 * step), rng=0)
print(f"entropy {before.value:.4f} +- {before.error:.4f}, then {after.value:.4f}")
print(f"its rate {(after.value - before.value) / step:.2f}, minus Fisher {-fisher.value:.2f}")
