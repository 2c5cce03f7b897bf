"""A noisy cloud of two linked circles: denoised by a flow first, then through a bottleneck."""

import matplotlib.pyplot as plt
import numpy as np

import ridgeflow as rf

rng = np.random.default_rng(5)
turn = rng.uniform(0, 2 * np.pi, size=(2, 300))
first = np.stack([np.cos(turn[0]), np.sin(turn[0]), 0 * turn[0]], axis=1)
second = np.stack([1 - np.cos(turn[1]), 0 * turn[1], np.sin(turn[1])], axis=1)
cloud = np.concatenate([first, second]) + 0.06 * rng.normal(size=(600, 3))
cloud = rng.permutation(cloud)


def off(points):
    """Root mean square distance of points to the circles."""
    one = np.hypot(np.hypot(points[:, 0], points[:, 1]) - 1, points[:, 2])
    two = np.hypot(np.hypot(points[:, 0] - 1, points[:, 2]) - 1, points[:, 1])
    return np.sqrt((np.minimum(one, two) ** 2).mean())


bandwidth = 0.2
dae = rf.ContinuousDAE(rf.kernel_density(cloud, bandwidth=bandwidth))
clean = dae.flow(cloud, 0.45 * bandwidth**2, rtol=1e-4, atol=1e-5).points
print(f"distance to the circles: {off(cloud):.4f}, after the denoising flow {off(clean):.4f}")

model = rf.constructions.BottleneckAutoencoder.from_curves(clean, gap=0.4, smoothing=0.03)
kept = [chart.samples(model.gap, 400, 20) for chart in model.charts]
print(f"distance of the curves found: {off(np.concatenate([g.points for g in kept])):.4f}")
print(model.report(0.05).table())

# The bottleneck knows the curves only: it wants points near them.
for name, points in (("noisy", cloud), ("denoised", clean)):
    moved = np.linalg.norm(model(points) - points, axis=1)
    print(f"{name} points through the bottleneck: {(moved > 0.3).mean():.3f} move by more than 0.3")
back = model(clean)

figure = plt.figure(figsize=(11, 4.3), layout="constrained")
shown = (("noisy", cloud), ("after the denoising flow", clean), ("through the bottleneck", back))
for i, (title, points) in enumerate(shown):
    axes = figure.add_subplot(1, 3, i + 1, projection="3d")
    axes.plot(*points.T, ".", color="#0072B2", markersize=2.5)
    if i == 2:
        for grid in kept:
            axes.plot(*grid.points[grid.kept].T, color="#D55E00", linewidth=1.0)
    axes.set_title(title, fontsize=11)
    axes.set(xlim=(-1.2, 2.2), ylim=(-1.7, 1.7), zlim=(-1.7, 1.7))
    axes.set_box_aspect((1, 1, 1))
    axes.tick_params(labelsize=7)
figure.savefig("bottleneck_noisy_circles.png", dpi=120, bbox_inches="tight")
