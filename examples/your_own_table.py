"""From a file of numbers to a density, its denoising flow, and back to the file's units."""

import tempfile
from pathlib import Path

import ridgeflow as rf
from ridgeflow import datasets

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "flowers.csv")
    rows = datasets.load_iris().data[:, 2:]
    path.write_text("length;width\n" + "".join(f"{u};{v}\n" for u, v in rows), encoding="utf-8")

    table = datasets.read_table(path, columns=["width", "length"])
    z, mean, scale = datasets.standardise(table.data, names=table.names)

law = rf.kernel_density(z)
flow = rf.ContinuousDAE(law)
moved = mean + scale * flow.flow(z, 0.5 * flow.t_max).points
print(f"{len(z)} rows of {', '.join(table.names)}; t_max = {flow.t_max:.4f}")
for before, after in list(zip(table.data, moved, strict=True))[48:52]:
    print(f"{before.round(3)} -> {after.round(3)}")
