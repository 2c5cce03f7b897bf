"""What training finds: denoising autoencoders against the optimal maps, and a network
that was never trained.

A network of tanh neurons is trained to denoise samples of a law in the plane. Theory says what it
should find, Phi_t(x) = E[clean | noisy = x]; and a network of the same size is written down from
the integral representation of that map, without training. G. Alain and Y. Bengio, *What
regularized auto-encoders learn from the data-generating distribution*, 2014. Then the same for one
and for three trained layers on the line, against the deep denoising autoencoder (S. Sonoda and
N. Murata, *Transport analysis of infinitely deep neural network*, 2019), and for images of digits.

    python examples/trained_dae.py [--full] [--out FOLDER]

Needs PyTorch (``pip install ridgeflow[torch]``); says so and stops without it. --full trains ten
times as long.
"""

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import ridgeflow as rf
from ridgeflow.networks.pairs import pair_neurons

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--full", action="store_true", help="train ten times as long")
parser.add_argument("--out", type=Path, default=Path("."), help="folder of the figure")
options = parser.parse_args()
if not find_spec("torch"):
    print("skipped: PyTorch is not installed (pip install ridgeflow[torch])")
    sys.exit(0)

import torch  # noqa: E402

torch.manual_seed(0)
torch.set_num_threads(1)
rng = np.random.default_rng(0)
law = rf.GaussianMixture(
    [0.4, 0.3, 0.3],
    [[-1.2, -0.7], [1.3, -0.6], [0.1, 1.2]],
    [[[0.25, 0.1], [0.1, 0.2]], [[0.2, -0.1], [-0.1, 0.3]], [[0.3, 0.0], [0.0, 0.1]]],
)
t, width = 0.25, 200
exact = rf.GaussianDAE(law, t)
noisy = law.smooth(t).sample(4000, rng)
goal = exact(noisy)
clean = law.sample(4000, rng)
least = np.mean(np.sum((exact(clean + np.sqrt(t) * rng.normal(size=clean.shape)) - clean) ** 2, 1))
moved = np.sqrt(np.mean(np.sum((goal - noisy) ** 2, axis=1)))


def error(image):
    """Distance to the optimal map where noisy points are, relative to how far it moves them."""
    return float(np.sqrt(np.mean(np.sum((image - goal) ** 2, axis=1)))) / moved


def train(sample, dim, t, width, steps, rate=1e-2, at=None):
    """A trained map x + network(x); ``at`` is called with the map on the way.

    Fresh samples and fresh noise in every step, so that nothing is overfitted.
    """
    model = torch.nn.Sequential(
        torch.nn.Linear(dim, width), torch.nn.Tanh(), torch.nn.Linear(width, dim)
    ).double()
    optimiser = torch.optim.Adam(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)

    def image(x):
        with torch.no_grad():
            return x + model(torch.from_numpy(x)).numpy()

    for step in range(1, steps + 1):
        target = torch.from_numpy(sample(512))
        given = target + np.sqrt(t) * torch.randn(target.shape, dtype=torch.float64)
        risk = ((given + model(given) - target) ** 2).sum(dim=1).mean()
        optimiser.zero_grad()
        risk.backward()
        optimiser.step()
        schedule.step()
        if at and step in {steps // 100, steps // 20, steps // 5, steps // 2, steps}:
            at(step, image)
    return image


steps = 15000 if options.full else 1500
marks, curve = [], []
print(f"optimal risk {least:.4f}; the optimal map moves noisy points by {moved:.3f}")


def keep(step, image):
    marks.append(step)
    curve.append(error(image(noisy)))
    print(f"trained for {step:5d} steps: {curve[-1]:.4f} from the optimal map")


trained = train(lambda n: law.sample(n, rng), 2, t, width, steps, at=keep)(noisy)

# Without training: neurons drawn from the ridgelet spectrum of the map's displacement, and one
# problem of least squares for their outer weights.
displacement = rf.CallableField(lambda x: exact(x) - x, 2, components=2)
region = rf.Region.holding(law.smooth(t))
representation = rf.IntegralRepresentation(displacement, rf.activation("tanh"), region=region)
untrained = {}
for size in (50, 100, width, 400):
    network = rf.ShallowNetwork.from_representation(
        representation, size, weights="least_squares", rng=0
    )
    untrained[size] = error(noisy + network(noisy))
    print(f"{size:3d} neurons from the representation: {untrained[size]:.4f} from the optimal map")
    if size == width:
        drawn = noisy + network(noisy)
print(f"infinite width: {error(noisy + representation(noisy)):.4f}")

figure = Figure(figsize=(12.5, 4.3), dpi=120, layout="constrained")
panels = figure.subplots(1, 3)
for panel, image, title in (
    (panels[0], trained, f"trained, {width} neurons"),
    (panels[1], drawn, f"from the representation, {width} neurons"),
):
    some = slice(0, 250)
    for start, end in zip(noisy[some], image[some], strict=True):
        panel.plot(*np.stack([start, end]).T, "-", lw=0.6, color="#1f5fa8")
    panel.plot(*image[some].T, ".", ms=3, color="#1f5fa8", label="network")
    panel.plot(*goal[some].T, "o", ms=4.5, mfc="none", mew=0.6, color="#d1642c", label="optimal")
    panel.set_title(f"{title}: {error(image):.3f}", fontsize=9.5)
    panel.set_aspect("equal")
panels[0].legend(frameon=False, fontsize=8)
panels[2].loglog(marks, curve, "o-", color="#1f5fa8", label=f"trained, {width} neurons")
for size, value in untrained.items():
    panels[2].axhline(value, ls=":", color="#d1642c")
    panels[2].text(marks[0], value, f"representation, {size}", fontsize=7.5, va="bottom")
panels[2].set_xlabel("steps of training")
panels[2].set_ylabel("distance to the optimal map")
panels[2].legend(frameon=False, fontsize=8)
figure.savefig(options.out / "trained_dae.png")
print("wrote trained_dae.png")

# One layer and three on the line: each of the three is trained on what the ones before made of the
# samples, with a third of the noise, and has its own law to denoise. All are used on clean points.
line = rf.GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], 0.3)
t = 0.12
clean = line.sample(3000, rng)
limit = rf.ContinuousDAE(line).flow(clean, t).points
size = float(np.sqrt(np.mean((limit - clean) ** 2)))
print(f"\non the line, t = {t}: distances relative to the displacement of the continuous limit")
for depth in (1, 3):
    layers = []

    def carried(n, layers=layers):
        x = line.sample(n, rng)
        for layer in layers:
            x = layer(x)
        return x

    for _ in range(depth):
        layers.append(train(carried, 1, t / depth, 50, steps // 2))
    x = clean
    for layer in layers:
        x = layer(x)
    deep = rf.DeepDAE(line, t, depth, n_particles=4000, rng=0)(clean)
    optimal, ended = (float(np.sqrt(np.mean((x - y) ** 2))) / size for y in (deep, limit))
    print(
        f"{depth} trained: {optimal:.3f} from {depth} optimal, {ended:.3f} from the limit "
        f"(optimal ones: {float(np.sqrt(np.mean((deep - limit) ** 2))) / size:.3f})"
    )

if not find_spec("sklearn"):
    print("skipped: digits need scikit-learn")
    sys.exit(0)
from sklearn.datasets import load_digits  # noqa: E402

images = load_digits().data[rng.permutation(1797)] / 16.0
t = 0.1
seen, images = images[:1400], images[1400:]
exact = rf.GaussianDAE(rf.SampleField(seen), t)
model = train(lambda n: seen[rng.integers(0, len(seen), n)], 64, t, 250, steps, rate=3e-3)
# The same width without training: neurons from pairs of images, outer weights fitted to the optimal
# velocity at noisy images.
given = seen[rng.integers(0, len(seen), 5000)]
given = given + np.sqrt(t) * rng.normal(size=given.shape)
a, b = pair_neurons(seen, seen, 250, slope=3.0, rng=rng)
field = rf.fit_outer_weights(a, b, "tanh", given, exact.velocity(given), ridge=1e-3, affine=True)
noisy = images + np.sqrt(t) * rng.normal(size=images.shape)
best = exact(noisy)
print(f"\ndigits that were held out, t = {t}: mean squared error per pixel, distance of the maps")
print(f"posterior mean of the others {((best - images) ** 2).mean():.4f}")
for name, cleaned in (("trained", model(noisy)), ("written down", noisy + t * field(noisy))):
    gap = np.sqrt(((cleaned - best) ** 2).sum() / ((best - noisy) ** 2).sum())
    print(f"250 neurons, {name} {((cleaned - images) ** 2).mean():.4f}, {gap:.3f}")
