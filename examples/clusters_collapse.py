"""Clusters collapsed layer by layer: a deep ReLU network of zero cost, written down."""

import matplotlib.pyplot as plt
import numpy as np

import ridgeflow as rf

rng = np.random.default_rng(3)
means = np.array([[3.0, 0.4], [0.6, 2.8]])
labels = np.repeat([0, 1], 60)
turn, radius = rng.uniform(0, 2 * np.pi, 120), 0.8 * np.sqrt(rng.uniform(size=120))
X = means[labels] + radius[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
Y = np.eye(2)

net = rf.constructions.clustered_minimizer(X, labels, Y, depth=2)
path = net.truncated(X)
print(f"cost {net.cost(X, labels):.1e}, margins {net.margins.round(3)}")
print("noise to signal, layer by layer:", net.noise_to_signal(X, labels).round(4))

print("\ntruncated  kind         least C² (bias tied, free)  gradient  rank  nullity")
found = rf.constructions.configurations(X, labels, Y)
for c in found:
    print(
        f"{c.truncated!s:9}  {c.kind:11}  {c.tied:11.3e} {c.affine:11.3e}   "
        f"{c.gradient_norm:8.1e}  {c.hessian_rank:4d}  {c.nullity:7d}"
    )

W, b = net.cumulative()
rate = rf.constructions.entropy_rate(W[0], b[0], X)
print(f"\nthe flow to the first layer takes {rate:.3f} nats of entropy per unit of time")

# Where the grid of the plane goes, with the cones of each layer.
figure, panels = plt.subplots(
    1, 3, figsize=(11, 4.3), sharex=True, sharey=True, layout="constrained"
)
colours, markers = ("#0072B2", "#D55E00"), ("o", "^")
lines = np.linspace(-1.0, 5.0, 25)
fine = np.linspace(-1.0, 5.0, 241)
grid = [np.stack([np.full_like(fine, c), fine], axis=1) for c in lines]
grid += [line[:, ::-1] for line in grid]
for level, panel in enumerate(panels):
    for line in grid:
        panel.plot(*net.truncated(line)[level].T, color="0.8", linewidth=0.6, zorder=1)
    for j in (0, 1):
        dots = path[level, labels == j]
        panel.plot(
            *dots.T, markers[j], color=colours[j], markersize=4, label=f"class {j}", zorder=3
        )
    if level < 2:
        apex, axis = net.points[level], means.mean(0) - means[level]
        heading = np.arctan2(axis[1], axis[0])
        for side in (-0.5, 0.5):
            edge = heading + side * net.angles[level]
            rim = 9 * np.array([np.cos(edge), np.sin(edge)])
            panel.plot(*np.stack([apex - rim, apex + rim]).T, "k--", linewidth=0.9, zorder=2)
        panel.plot(*apex, "k+", markersize=9, zorder=4)
    panel.set(title=("data", "after layer 1", "after layer 2")[level], xlabel="$x_1$")
    panel.set_aspect("equal")
    panel.set(xlim=(-1.2, 5.2), ylim=(-1.2, 5.2))
panels[0].set_ylabel("$x_2$")
panels[0].legend(loc="upper right")
figure.savefig("clusters_collapse.png", dpi=130)
