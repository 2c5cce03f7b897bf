"""A network read off from the double continuum as the initialisation of a PyTorch model.

Task: the map that carries two moons along the denoising flow. The same architecture (4 midpoint
layers), optimiser, batches and seeds, started from (a) the network of the double continuum with few
neurons, (b) the same inner weights with outer weights zero, (c) PyTorch's own initialisation.
Each start is trained with a small and with a large learning rate, and the loss, the mean square
error relative to the mean square displacement, is shown before training, at its lowest, and at the
end. The fitted outer weights are large and cancel: a large rate undoes the continuum's start within
one epoch, and then it is worth no more than the others.

    python examples/pretraining.py [--epochs N] [--seeds N] [--out FOLDER]
"""

import argparse
import math
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import make_moons

import ridgeflow as rf

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--epochs", type=int, default=12)
parser.add_argument("--seeds", type=int, default=5)
parser.add_argument("--out", type=Path, default=Path("."), help="folder of the figure")
options = parser.parse_args()
try:
    import torch
except ImportError:
    print("this example needs PyTorch: pip install 'ridgeflow[torch]'")
    sys.exit(0)

torch.set_num_threads(1)
points, _ = make_moons(200, noise=0.08, random_state=0)
points = (points - points.mean(axis=0)) / points.std(axis=0)
law = rf.kernel_density(points)
exact = rf.ContinuousDAE(law)
end = 0.5 * exact.t_max
limit = rf.DoubleContinuum(law, rf.activation("tanh"), span=(0.0, end), tol=1e-2)
x = law.sample(2048, rng=1)
x = x[limit.region.contains(x)]
y = exact.flow(x, end, rtol=1e-6).points
size = float(((y - x) ** 2).mean())
network = limit.network(4, 64, layers="midpoint", n_samples=2000, rng=0)
inputs, targets = (torch.tensor(part, dtype=torch.float32) for part in (x, y))
rates = (3e-5, 2e-3)
levels = (1e-1, 1e-2)


def absorbed(field, step):
    """A stage field times its step: weights of the size that standard initialisation assumes."""
    linear, bias = step * field.linear, step * field.bias
    return rf.ShallowNetwork(field.a, field.b, step * field.c, "tanh", linear=linear, bias=bias)


layers = [
    tuple(absorbed(f, step) for f in layer) for layer, step in zip(network.layers, network.steps)
]
network = rf.ResidualNetwork(layers, np.ones(len(layers)), scheme="midpoint")


def model(start, seed):
    """The module, with its outer or with all of its weights replaced as the start asks for."""
    torch.manual_seed(seed)
    module = network.to_torch().float()
    if start == "double continuum":
        return module
    with torch.no_grad():
        for name, weight in module.named_parameters():
            hidden = ".hidden." in name
            if start == "standard":
                # torch.nn.Linear: uniform with the bound 1/sqrt(inputs).
                bound = 1 / math.sqrt(2 if hidden else network.width)
                weight.uniform_(-bound, bound)
            elif not hidden:
                weight.zero_()
    return module


def trained(start, rate, seed):
    """Loss before and after every epoch of Adam."""
    module = model(start, seed)
    steps = torch.optim.Adam(module.parameters(), lr=rate)
    order = torch.Generator().manual_seed(seed)
    losses = []
    for _ in range(options.epochs + 1):
        with torch.no_grad():
            losses.append(float(((module(inputs) - targets) ** 2).mean()) / size)
        for batch in torch.randperm(len(inputs), generator=order).split(256):
            steps.zero_grad()
            ((module(inputs[batch]) - targets[batch]) ** 2).mean().backward()
            steps.step()
    return losses


starts = ("double continuum", "outer weights zero", "standard")
curves = {
    (start, rate): np.array([trained(start, rate, seed) for seed in range(options.seeds)])
    for start in starts
    for rate in rates
}
titles = "".join(f"  epochs to {level:g}" for level in levels)
print(f"{'start':20s}{'rate':>8s}{'before':>10s}{'lowest':>10s}{'end':>10s}{titles}")
for (start, rate), losses in curves.items():
    middle = np.median(losses, axis=0)
    line = f"{start:20s}{rate:8g}{middle[0]:10.4f}{middle.min():10.4f}{middle[-1]:10.4f}"
    for level in levels:
        below = np.flatnonzero(middle < level)
        line += (
            f"{str(below[0]) if len(below) else f'>{options.epochs}':>{12 + len(f'{level:g}')}s}"
        )
    print(line)

figure = Figure(figsize=(6.4, 4.4), layout="constrained")
axes = figure.subplots()
colors = dict(zip(starts, ("#0072B2", "#009E73", "#D55E00")))
for (start, rate), losses in curves.items():
    dash = "-" if rate == min(rates) else "--"
    label = f"{start}, rate {rate:g}"
    axes.semilogy(np.median(losses, axis=0), dash, color=colors[start], label=label)
    low, high = losses.min(axis=0), losses.max(axis=0)
    epochs = np.arange(options.epochs + 1)
    axes.fill_between(epochs, low, high, color=colors[start], alpha=0.2)
axes.set_xlabel("epochs of Adam")
axes.set_ylabel("mean square error / mean square displacement")
axes.set_ylim(bottom=2e-4)  # room for the legend
axes.legend(frameon=False, fontsize=8, ncols=2, loc="lower center")
axes.grid(True, color="#E0E0E0")
options.out.mkdir(parents=True, exist_ok=True)
figure.savefig(options.out / "pretraining.png", dpi=110)
