"""Two linked circles through a bottleneck of one dimension, by networks that nothing trained."""

import numpy as np

import ridgeflow as rf


def first(t):
    return np.stack([np.cos(t), np.sin(t), 0 * t], axis=1)


def second(t):
    return np.stack([1 - np.cos(t), 0 * t, np.sin(t)], axis=1)


Autoencoder = rf.constructions.BottleneckAutoencoder

models = {}
for kind in ("shallow", "flow"):
    models[kind] = Autoencoder.from_curves([first, second], gap=0.4, kind=kind)
    print(f"{kind}: {models[kind].encoder}")
    print(models[kind].report(0.05).table())
    print()

print("A smaller cut costs slope (shallow, 700 directions):")
print("gap   removed  sup kept  sup    Lip(GF)  lost     at least")
for gap in (0.6, 0.2):
    report = Autoencoder.from_curves([first, second], gap=gap, n_directions=700).report(0.05)
    worst = report.components[0]
    print(
        f"{gap:.1f}   {report.removed:.4f}   {report.sup_kept:.1e}   {report.sup:.2f}   "
        f"{worst.lipschitz:6.1f}   {worst.bad:.4f}   {worst.bad_bound:.4f}"
    )

for kind, model in models.items():
    rf.plotting.bottleneck_curves(model, eps=0.05, title=kind).savefig(f"{kind}.png")
rf.plotting.bottleneck_flow(models["flow"]).savefig("straightened.png")
