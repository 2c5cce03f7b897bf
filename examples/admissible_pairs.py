"""Which activation goes with which ridgelet: the constant K, or why there is none."""

import ridgeflow as rf

dim = 2
orders = (0, 1, 2)
print("K / (2 pi)^m for m = 2 and psi = Lambda^m G^(order); '0': zero, 'inf': divergent")
print(f"{'activation':12s}" + "".join(f"{f'order {order}':>12s}" for order in orders))
for name in ("dsigmoid", "sigmoid", "softplus", "step", "relu", "linear", "gaussian", "tanh"):
    cells = []
    for order in orders:
        try:
            constant = rf.admissibility(rf.activation(name), rf.Ridgelet(dim, order))
            cells.append(f"{constant / (2 * 3.141592653589793) ** dim:.7f}")
        except rf.AdmissibilityError as refusal:
            cells.append("inf" if "diverge" in str(refusal) else "0")
    print(f"{name:12s}" + "".join(f"{cell:>12s}" for cell in cells))
