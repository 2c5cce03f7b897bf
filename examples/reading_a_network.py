"""Reading a trained network: its parameters against the ridgelet spectrum, its ghost, its scaling.

scikit-learn trains networks of one hidden layer on sin(2 pi x). What their parameters say is then
compared with the theory of S. Sonoda, I. Ishikawa and M. Ikeda, *Ridge regression with
over-parametrized two-layer networks converge to ridgelet spectrum* (AISTATS 2021) and *Ghosts in
neural networks* (2021): penalised weights gather where the spectrum is large, with its sign; a part
of them vanishes on the data; and of ReLU neurons only direction, offset and product count.

    python examples/reading_a_network.py [--out FOLDER]

Networks of PyTorch and ONNX are read by ShallowNetwork.from_torch and .from_onnx.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.neural_network import MLPRegressor

import ridgeflow as rf
from ridgeflow.networks.analysis import canonical_form, split_null_space
from ridgeflow.plotting import network_over_spectrum

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--out", type=Path, default=Path("."), help="folder of the figure")
options = parser.parse_args()

x = np.linspace(-1, 1, 400)[:, None]
y = np.sin(2 * np.pi * x[:, 0])


def trained(activation, width, seed, penalty=1e-3):
    """A network that scikit-learn trained, with the same outputs."""
    model = MLPRegressor(
        hidden_layer_sizes=(width,),
        activation=activation,
        solver="lbfgs",
        alpha=penalty,
        max_iter=2000,
        random_state=seed,
    )
    model.fit(x, y)
    inner, outer = model.coefs_
    # Theirs adds the bias, ours takes an offset off.
    net = rf.ShallowNetwork(
        inner.T, -model.intercepts_[0], outer[:, 0], activation, bias=model.intercepts_[1][0]
    )
    assert np.allclose(net(x), model.predict(x), atol=1e-10)
    return net


# The spectrum of the sine on [-1, 1], with the ridgelet that belongs to tanh.
line = np.linspace(-1, 1, 401)
field = rf.GridField(np.sin(2 * np.pi * line), (line,))
psi = rf.Ridgelet(1, 1)
grid = rf.ParameterGrid.cartesian((np.linspace(-9, 9, 121),), np.linspace(-9, 9, 121))
spectrum = rf.ridgelet_transform(field, psi, grid)

nets = [trained("tanh", 60, seed) for seed in range(8)]
error = np.sqrt(np.mean([(net(x) - y) ** 2 for net in nets]))
print(f"8 networks of 60 tanh neurons, trained: RMS error {error:.1e}")

# Their weights against R / K at their own parameters. Training leaves slow neurons, whose ridges
# are nearly straight on the data, where their starting values were: those carry the sum, not shape.
constant = rf.admissibility(rf.activation("tanh"), psi)
a, b, c = (np.concatenate([getattr(net, name) for net in nets]) for name in "abc")
expected = rf.ridgelet_transform(field, psi, (a, b)).values / constant
for name, chosen in (
    ("|a| < 2", np.abs(a[:, 0]) < 2),
    ("2 <= |a| < 4", (np.abs(a[:, 0]) >= 2) & (np.abs(a[:, 0]) < 4)),
    ("|a| >= 4", np.abs(a[:, 0]) >= 4),
):
    agree = chosen & (np.sign(expected) == np.sign(c))
    share = np.abs(c[agree]).sum() / np.abs(c[chosen]).sum()
    print(f"{name:12} {int(chosen.sum()):3d} neurons, {share:4.0%} of |c| with the spectrum's sign")

split = split_null_space(nets[0], x, rcond=1e-6)
print(
    f"of 60 neurons {split.rank} are seen on the data; {100 * split.share:.1f} % of |c|^2 is a "
    f"ghost with outputs below {np.abs(split.ghost(x)).max():.0e}"
)

relu = trained("relu", 60, 0)
plain = canonical_form(relu)
print(
    f"60 ReLU neurons: {plain.width} after their scaling is taken out, outputs within "
    f"{np.abs(plain(x) - relu(x)).max():.0e}"
)

figure = network_over_spectrum(nets[0], spectrum, title="60 trained tanh neurons over $R/K$")
figure.savefig(options.out / "reading_a_network.png")
