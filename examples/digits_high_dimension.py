"""Denoising handwritten digits in 64 dimensions by networks without training.

The exact denoiser of the images is their posterior mean, x + t v(x) with v the score of the
smoothed data. Networks of v are read off from samples of it: neurons from pairs of images, outer
weights by one linear problem. The same number of random Fourier features, and an extreme learning
machine (random directions, tanh), get the same samples, the same penalty and the same affine part.

    python examples/digits_high_dimension.py [--full] [--out FOLDER]

--full goes on to 8000 neurons, with four times as many samples, in some twenty minutes.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

import ridgeflow as rf
from ridgeflow.networks.pairs import pair_neurons

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--full", action="store_true", help="up to 8000 neurons")
parser.add_argument("--out", type=Path, default=Path("."), help="folder of the figure")
options = parser.parse_args()

rng = np.random.default_rng(0)
widths = (250, 500, 1000, 2000, 4000, 8000) if options.full else (250, 500, 1000)
n, t, ridge, slope = (20_000 if options.full else 5000), 0.1, 1e-3, 3.0
images = load_digits().data[rng.permutation(1797)] / 16.0
law, new = rf.SampleField(images[:1400]), images[1400:]
exact = rf.GaussianDAE(law, t)


def noisy(clean, count):
    """Images, and images with noise of variance t on every pixel."""
    chosen = clean[rng.integers(0, len(clean), count)]
    return chosen, chosen + np.sqrt(t) * rng.normal(size=chosen.shape)


def rms(vectors):
    return float(np.sqrt((vectors**2).sum(axis=1).mean()))


_, x = noisy(law.points, n)
v = exact.velocity(x)
_, held_out = noisy(law.points, 2000)
truth = exact.velocity(held_out)
spread = np.sqrt(x.var(axis=0).sum())


def pairs(width):
    return (*pair_neurons(law.points, law.points, width, slope=slope, rng=rng), "tanh")


def fourier(width):
    # The scales of both rivals are the best of a search at 500 neurons.
    a = rng.normal(size=(width, 64)) * 0.25 / spread
    return a, rng.uniform(-np.pi, np.pi, width), "cos"


def extreme(width):
    a = rng.normal(size=(width, 64)) * 0.35 / spread
    places = x[rng.integers(0, n, width)]
    return a, (a * places).sum(axis=1), "tanh"


errors, networks = {}, {}
for name, draw in (
    ("neurons from pairs of images", pairs),
    ("random Fourier features", fourier),
    ("extreme learning machine", extreme),
):
    errors[name] = []
    for width in widths:
        a, b, eta = draw(width)
        net = rf.fit_outer_weights(a, b, eta, x, v, ridge=ridge, affine=True)
        errors[name].append(rms(net(held_out) - truth) / rms(truth))
        networks[name] = net
    print(f"{name:29s}", *(f"{width}: {e:.4f}" for width, e in zip(widths, errors[name])))

field = networks["neurons from pairs of images"]
denoiser = rf.ResidualNetwork([field], [t])
clean, given = noisy(new, 2000)
print("\nmean square error on images that no denoiser has seen, per pixel")
for name, guess in (
    ("noisy", given),
    (f"network of {field.width} neurons", denoiser(given)),
    ("exact posterior mean of 1400 images", exact(given)),
):
    print(f"{name:38s}{((guess - clean) ** 2).mean():.4f}")

print("\nentropy by nearest neighbours along 8 principal axes, in nats: before, and after layers")
axes8 = np.linalg.svd(law.points - law.points.mean(axis=0), full_matrices=False)[2][:8].T
path = rf.ResidualNetwork([field] * 4, np.full(4, 0.25 * t)).trajectory(held_out)
for cloud in path:
    found = rf.entropy(cloud @ axes8)
    print(f"{found.value:8.2f} +- {found.error:.2f}")

figure = Figure(figsize=(11, 6.2), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=(1, 1.25))
axes = left.subplots()
for (name, values), style in zip(errors.items(), ("o-", "s--", "^:")):
    axes.semilogx(widths, values, style, label=name)
axes.set_xticks(widths, [str(w) for w in widths])
axes.minorticks_off()
axes.set_xlabel("neurons")
axes.set_ylabel("relative error of the velocity, held out")
axes.legend(frameon=False)
axes.grid(True, color="#E0E0E0")
tiles = right.subplots(6, 8)
strongest = np.argsort(-np.linalg.norm(field.c, axis=1) * np.linalg.norm(field.a, axis=1))
rows = (
    ("clean", clean, "gray_r"),
    ("noisy", given, "gray_r"),
    ("network", denoiser(given[:8]), "gray_r"),
    ("exact", exact(given[:8]), "gray_r"),
    ("strongest\nneurons: $a$", field.a[strongest], "PuOr"),
    ("and $c$", field.c[strongest], "PuOr"),
)
for line, (name, pictures, colours) in zip(tiles, rows):
    for tile, picture in zip(line, pictures):
        bound = np.abs(picture).max()
        limits = (-bound, bound) if colours == "PuOr" else (0, 1)
        tile.imshow(picture.reshape(8, 8), cmap=colours, vmin=limits[0], vmax=limits[1])
        tile.set_xticks([])
        tile.set_yticks([])
    line[0].set_ylabel(name, rotation=0, ha="right", va="center")
options.out.mkdir(parents=True, exist_ok=True)
figure.savefig(options.out / "digits_high_dimension.png", dpi=110)
