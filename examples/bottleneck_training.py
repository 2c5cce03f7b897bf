"""A bottleneck autoencoder trained on two linked circles, beside one that is written down."""

import sys
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np

import ridgeflow as rf

try:
    import torch
except ImportError:
    print("PyTorch is not installed: nothing to train (pip install ridgeflow[torch])")
    sys.exit(0)

torch.manual_seed(0)
torch.set_num_threads(1)


def first(t):
    return np.stack([np.cos(t), np.sin(t), 0 * t], axis=1)


def second(t):
    return np.stack([1 - np.cos(t), 0 * t, np.sin(t)], axis=1)


def dense(*widths):
    layers = []
    for before, after in pairwise(widths):
        layers += [torch.nn.Linear(before, after), torch.nn.Tanh()]
    return torch.nn.Sequential(*layers[:-1])


angle = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
curves = [first(angle), second(angle)]
data = torch.tensor(np.concatenate([curve[::8] for curve in curves]), dtype=torch.float32)

encoder, decoder = dense(3, 64, 64, 64, 1), dense(1, 64, 64, 64, 3)
parameters = [*encoder.parameters(), *decoder.parameters()]
steps = 1500
optimiser = torch.optim.Adam(parameters, lr=3e-3)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
history = []
for step in range(steps + 1):
    loss = ((decoder(encoder(data)) - data) ** 2).sum(1).mean()
    if step in (0, 200, 600, steps):
        with torch.no_grad():
            sups = [
                float((decoder(encoder(x)) - x).norm(dim=1).max())
                for x in (torch.tensor(curve, dtype=torch.float32) for curve in curves)
            ]
        history.append((step, float(loss.detach()) ** 0.5, *sups))
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    schedule.step()

print("trained  rms error   largest error on each circle (at least 1, whatever the training)")
for step, rms, one, two in history:
    print(f"{step:7d}  {rms:9.4f}   {one:.4f}  {two:.4f}")

with torch.no_grad():
    trained = [
        decoder(encoder(torch.tensor(curve, dtype=torch.float32))).double().numpy()
        for curve in curves
    ]
model = rf.constructions.BottleneckAutoencoder.from_curves([first, second], gap=0.4, kind="flow")
written = [model(curve) for curve in curves]

figure, panels = plt.subplots(1, 2, figsize=(10.4, 4.0), sharey=True, layout="constrained")
for panel, title, images in zip(panels, ("trained", "written down"), (trained, written)):
    print(f"\n{title}: circle, part with an error above 0.05, 0.5; median error; where it breaks")
    for i, (curve, image) in enumerate(zip(curves, images)):
        error = np.linalg.norm(image - curve, axis=1)
        worst = angle[error.argmax()]
        print(
            f"  {i}  {(error > 0.05).mean():.3f}  {(error > 0.5).mean():.3f}  "
            f"{np.median(error):.1e}  {worst:.2f}"
        )
        panel.semilogy(angle, error, ("-", "--")[i], color=("#0072B2", "#D55E00")[i], lw=1.2)
    panel.axhline(1, color="0.4", linewidth=0.9, linestyle=":")
    panel.set(title=title, xlabel="angle on each circle")
panels[0].set_ylabel("error; dotted: forced somewhere on each")
panels[0].legend(["first circle", "second circle"], fontsize=9)
figure.savefig("bottleneck_training.png", dpi=120)
