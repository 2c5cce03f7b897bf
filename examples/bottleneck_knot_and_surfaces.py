"""An ellipse, a trefoil, a sphere and a torus through bottlenecks of their own dimension."""

import matplotlib.pyplot as plt
import numpy as np

import ridgeflow as rf

Autoencoder = rf.constructions.BottleneckAutoencoder


def ellipse(t):
    return np.stack([3 * np.cos(t), np.sin(t)], axis=1)


def trefoil(t):
    return np.stack(
        [np.sin(t) + 2 * np.sin(2 * t), np.cos(t) - 2 * np.cos(2 * t), -np.sin(3 * t)], axis=1
    )


models = {
    "ellipse": Autoencoder.from_curves([ellipse], gap=0.4, kind="flow", width=200, depth=(60, 8)),
    "trefoil": Autoencoder.from_curves([trefoil], gap=0.4, n_directions=700),
    "sphere": Autoencoder.from_sphere(1.0, gap=0.4, kind="flow", width=200),
    "torus": Autoencoder.from_torus(2.0, 1.0, gap=0.6, kind="flow", width=300, depth=(40, 8)),
}
for name, model in models.items():
    print(f"{name}, {model.kind}: {model.encoder}")
    print(model.report(0.05).table())
    print()

rf.plotting.bottleneck_curves(models["trefoil"], eps=0.05, title="trefoil").savefig("trefoil.png")

# The chart of each surface, as the encoder sees it, and the grid of it that the decoder gives back.
figure = plt.figure(figsize=(10.4, 8.0), layout="constrained")
for row, name in enumerate(("sphere", "torus")):
    model = models[name]
    chart = model.charts[0]
    inner = chart.kept(model.gap)
    flat = figure.add_subplot(2, 2, 2 * row + 1)
    space = figure.add_subplot(2, 2, 2 * row + 2, projection="3d")
    fine = np.linspace(-1, 1, 121)
    for across in (0, 1):
        for level in np.linspace(-1, 1, 15):
            line = np.full((len(fine), 2), level)
            line[:, across] = fine
            if chart.shape == "ball":
                # Rings and spokes instead of the sides of a box.
                far, turn = 0.5 * (1 + line[:, :1]), np.pi * line[:, 1:]
                line = far * np.concatenate([np.cos(turn), np.sin(turn)], axis=1)
            points = chart(line * inner)
            latent = model.encode(points)
            colour = ("#0072B2", "#D55E00")[across]
            flat.plot(*latent.T, color=colour, linewidth=0.8)
            space.plot(*model.decode(latent).T, color=colour, linewidth=0.8)
    flat.set_aspect("equal")
    flat.set(xlabel="$z_1$", ylabel="$z_2$")
    space.set(xlabel="$x_1$", ylabel="$x_2$", zlabel="$x_3$")
    flat.set_title(f"{name}: two latent coordinates")
    space.set_title("decoded")
    reach = 1.05 if name == "sphere" else 3.05
    space.set(xlim=(-reach, reach), ylim=(-reach, reach), zlim=(-reach, reach))
    space.set_box_aspect((1, 1, 1))
figure.savefig("surfaces.png", dpi=120)
