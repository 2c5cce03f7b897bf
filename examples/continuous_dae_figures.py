"""Denoising as transport: shallow, deep and continuous denoising autoencoders, drawn.

S. Sonoda and N. Murata, *Transport analysis of infinitely deep neural network*, 2019: trajectories
in the plane, images of a law on the line against the solution of the backward heat equation,
entropy against time, and how a normal law's map approaches its limit with depth.

    python examples/continuous_dae_figures.py [--full] [--out FOLDER]

--full takes more particles and points.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import ridgeflow as rf

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--full", action="store_true", help="more particles and points")
parser.add_argument("--out", type=Path, default=Path("."), help="folder of the figures")
options = parser.parse_args()
BLUE, ORANGE, GREY = "#1f5fa8", "#d1642c", "#8a8a8a"
rng = np.random.default_rng(0)


def roll(n):
    """A swiss roll, seen from above."""
    angle = 1.5 * np.pi * (1 + 2 * rng.uniform(size=n))
    return np.stack([angle * np.cos(angle), angle * np.sin(angle)], axis=1) / 5


def spirals(n):
    """Two spirals, one inside the other."""
    angle = 3.5 * np.pi * np.sqrt(rng.uniform(0.02, 1, size=n))
    arm = np.stack([np.cos(angle), np.sin(angle)], axis=1) * angle[:, None] / 4
    return arm * rng.choice([-1, 1], size=(n, 1))


def save(figure, name):
    """Write a figure and say so."""
    figure.savefig(options.out / f"{name}.png")
    print(f"wrote {name}.png")


# Trajectories in the plane ------------------------------------------------------------------------

count, depth, particles = (400, 10, 100_000) if options.full else (150, 5, 20_000)
triple = rf.GaussianMixture([0.4, 0.3, 0.3], [[-1.2, -0.7], [1.3, -0.6], [0.1, 1.2]], 0.35)
laws = {"three normal components": (triple, triple.sample(count, rng))}
for name, make, width in (("swiss roll", roll, 0.35), ("two spirals", spirals, 0.22)):
    clean = make(600)
    noisy = make(count) + 1.5 * width * rng.normal(size=(count, 2))
    laws[name] = (rf.kernel_density(clean, bandwidth=width), noisy)
figure = Figure(figsize=(11.0, 11.2), dpi=120, layout="constrained")
panels = figure.subplots(3, 3)
for row, (name, (law, x)) in zip(panels, laws.items(), strict=True):
    limit = rf.ContinuousDAE(law)
    t = 0.8 * limit.t_max
    deep = rf.DeepDAE(law, t, depth, n_particles=particles, rng=1)
    noise = np.linspace(0, t, 21)[1:]
    paths = {
        "shallow": np.stack([x, *(rf.GaussianDAE(law, s)(x) for s in noise)]),
        f"deep, {depth} layers": deep.trajectory(x),
        "continuous": np.concatenate([x[None], limit.flow(x, t, times=noise).trajectory]),
    }
    low, high = x.min(axis=0) - 0.3, x.max(axis=0) + 0.3
    axes = [np.linspace(a, b, 120) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    density = law.pdf(grid).reshape(120, 120).T
    for axis, (kind, path) in zip(row, paths.items(), strict=True):
        axis.contourf(*axes, density, levels=8, cmap="Greys", alpha=0.45)
        axis.plot(path[:, :, 0], path[:, :, 1], "-", lw=0.6, color=BLUE)
        axis.plot(*path[-1].T, ".", ms=3.5, color=ORANGE)
        axis.set_aspect("equal")
        axis.set_xticks([])
        axis.set_yticks([])
        axis.set_title(f"{name}: {kind}", fontsize=9)
    gaps = [np.sqrt(((p[-1] - paths["continuous"][-1]) ** 2).sum(1).mean()) for p in paths.values()]
    moved = np.sqrt(((paths["continuous"][-1] - x) ** 2).sum(1).mean())
    print(
        f"{name}, t = {t:.3f}: points move by {moved:.3f}; shallow ends {gaps[0]:.3f}, "
        f"{depth} layers {gaps[1]:.3f} from the continuous limit"
    )
save(figure, "continuous_dae_trajectories")

# Images of a law on the line ----------------------------------------------------------------------

line = rf.GaussianMixture([0.35, 0.65], [[-1.1], [0.9]], [0.4, 0.6])
limit = rf.ContinuousDAE(line)
t = 0.8 * limit.t_max
n = 20000 if options.full else 4000
start = np.sort(line.sample(n, rng), axis=0)
exact = limit.law(t)
axis_x = np.linspace(-3, 3.2, 400)[:, None]
figure = Figure(figsize=(13.0, 3.7), dpi=120, layout="constrained")
panels = figure.subplots(1, 5, sharey=True)
reference = np.sort(exact.sample(n, 7), axis=0)
print(f"two components on the line, t = {t:.2f}: mean distance of sorted particles")
for panel, depth in zip(panels, (1, 2, 10, 100, None), strict=True):
    if depth is None:
        image, title = limit.flow(start, t).points, "continuous"
    else:
        # The equation magnifies the noise of particles; thin layers need a kernel to hold it down.
        width = 0.25 if depth == 100 else None
        image = rf.DeepDAE(line, t, depth, n_particles=20_000, rng=2, bandwidth=width)(start)
        title = f"{depth} layer" + "s" * (depth > 1) + (f", bandwidth {width}" if width else "")
    panel.hist(image[:, 0], bins=80, range=(-3, 3.2), density=True, color=BLUE, alpha=0.6,
               label="particles")  # fmt: skip
    panel.plot(axis_x, line.pdf(axis_x), ":", color=GREY, label="before")
    panel.plot(axis_x, exact.pdf(axis_x), color=ORANGE, label="backward heat equation")
    panel.set_title(title, fontsize=10)
    panel.set_xlabel("x")
    distance = np.abs(np.sort(image, axis=0) - reference).mean()
    print(f"  {title:>26}: {distance:.4f} from the backward heat equation")
panels[0].set_ylabel("density")
figure.legend(
    *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False
)
save(figure, "continuous_dae_pushforwards")

# Entropy along the flow, and depth ---------------------------------------------------------------

figure = Figure(figsize=(11.5, 4.2), dpi=120, layout="constrained")
left, right = figure.subplots(1, 2)
normal = rf.GaussianMixture([1.0], [[0.0]], 1.3)
for law, label, colour in ((normal, "normal", BLUE), (line, "two components", ORANGE)):
    flow = rf.ContinuousDAE(law)
    times = np.linspace(0, 0.97 * flow.t_max, 25)
    entropy = [rf.entropy(flow.law(s), rng=0).value for s in times]
    left.plot(times, entropy, "-", color=colour, label=label)
    slopes = []
    for s in times[[4, 12, 20]]:
        estimate = rf.fisher_information(flow.law(s), rng=0)
        information = estimate.value
        value, step = rf.entropy(flow.law(s), rng=0).value, 0.06 * flow.t_max
        left.plot(
            [s - step, s + step], [value + information * step, value - information * step], "k-"
        )
        h = 4e-3 * flow.t_max
        rate = rf.entropy(flow.law(s + h), rng=0).value - rf.entropy(flow.law(s - h), rng=0).value
        slopes.append(abs(rate / (2 * h) / -information - 1))
    print(
        f"{label}: dH/dt = -I within {max(slopes):.1e}, standard error "
        f"{estimate.error / estimate.value:.1e}"
    )
for depth, style in ((1, ":"), (4, "--")):
    times = np.linspace(0.005, 0.63, 25)
    variances = [float(rf.DeepDAE(normal, s, depth).law.cov[0, 0]) for s in times]
    left.plot(times, 0.5 * np.log(2 * np.pi * np.e * np.array(variances)), style, color=GREY,
              label=f"normal, {depth} layer" + "s" * (depth > 1))  # fmt: skip
left.plot([], [], "k-", label="slope: minus Fisher information")
left.set_xlabel("t (noise variance)")
left.set_ylabel("entropy (nats)")
left.legend(frameon=False, fontsize=8)
depths = 2 ** np.arange(11)
for t, colour in ((0.3, BLUE), (0.5, ORANGE), (0.6, GREY)):
    goal = rf.ContinuousDAE(normal).flow([[1.0]], t).points[0, 0]
    errors = [rf.DeepDAE(normal, t, int(depth))([[1.0]])[0, 0] - goal for depth in depths]
    right.loglog(depths, errors, "o-", ms=3.5, color=colour, label=f"t = {t}")
    order = np.log2(errors[-2] / errors[-1])
    print(
        f"normal law, t = {t}: slopes {', '.join(f'{e + goal:.6f}' for e in errors[:4])} for 1, 2, "
        f"4, 8 layers, limit {goal:.6f}, order {order:.2f}"
    )
right.loglog(depths, 0.1 / depths, "k:", label="1/L")
right.set_xlabel("layers L")
right.set_ylabel("slope of L layers minus that of the limit")
right.legend(frameon=False, fontsize=8)
save(figure, "continuous_dae_entropy_and_depth")
