"""Random small changes of the library, each run against the tests of its file.

``python -m tests.bank.source_mutants --per-file 6 --seed 1`` changes one operator, comparison or
constant at a time in a copy of the tree, runs the tests of that file there, and lists the changes
that went unnoticed. Not every survivor is a gap: some changes alter no result (a step of a loop
that converges anyway, a bound with room to spare), which a person has to judge.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]

# A file of the library, and the tests that ought to notice a change of it.
TESTS = {
    "_units.py": "estimator reconstruct_network",
    "_products.py": "products",
    "profiles/activation.py": "activation",
    "profiles/admissibility.py": "admissibility",
    "profiles/parabolic_cylinder.py": "ridgelet_profile",
    "profiles/reconstruction_constant.py": "admissibility",
    "profiles/ridgelet.py": "ridgelet_profile admissibility",
    "fields/enclosing_balls.py": "region",
    "fields/callable.py": "fields laws",
    "fields/covariances.py": "mixture closed_forms_flows denoise",
    "fields/grid.py": "fields",
    "fields/kernel_density.py": "fields laws mixture",
    "fields/mixture.py": "mixture",
    "fields/region.py": "region",
    "fields/samples.py": "fields laws",
    "fields/normal_sums.py": "normal_sums",
    "radon_transform/backprojection.py": "representation ridgelet_transform",
    "radon_transform/band_end.py": "error_budget",
    "ridgelet/spectra/calculus.py": "calculus",
    "ridgelet/sums/cartesian_sums.py": "cartesian_sums",
    "ridgelet/errors/diagnostics.py": "ridgelet_transform reconstruction_accuracy far_points",
    "ridgelet/sums/direct_sums.py": "scattered_points cartesian_sums",
    "ridgelet/errors/budget.py": "error_budget corrected_dual",
    "ridgelet/errors/lost_energy.py": "error_budget reconstruction_accuracy",
    "ridgelet/grids/transfer.py": "corrected_dual error_budget",
    "ridgelet/grids/field_record.py": "error_budget corrected_dual",
    "ridgelet/grids/corrected_dual.py": "corrected_dual",
    "ridgelet/sums/filtered_projections.py": "single_scale_forms",
    "ridgelet/sums/mixture_spectra.py": "exact_spectra",
    "ridgelet/sums/far_points.py": "far_points",
    "ridgelet/finite_field.py": "finite_field",
    "ridgelet/grids/parameter_grid.py": "parameter_grid ridgelet_transform",
    "ridgelet/grids/choice.py": "parameter_grid error_budget",
    "radon_transform/interpolation.py": "radon kernel_bounds",
    "ridgelet/sums/kink_sums.py": "cartesian_sums ridgelet_transform",
    "ridgelet/sums/lattice_waves.py": "cartesian_sums kernel_bounds",
    "ridgelet/sums/ridge_sums.py": "neurons shallow ridge_sums",
    "ridgelet/errors/node_resolution.py": "ridgelet_transform error_budget",
    "ridgelet/null_space.py": "null_space",
    "radon_transform/dot_test.py": "radon radon_inverse cartesian_sums",
    "ridgelet/projection.py": "null_space",
    "radon_transform/forward.py": "radon line_integrals",
    "radon_transform/inverse.py": "radon_inverse radon",
    "ridgelet/reconstruct_gradient.py": "reconstruction_accuracy far_points corrected_dual",
    "ridgelet/irie_funahashi.py": "single_scale_forms",
    "ridgelet/representation.py": "representation",
    "columns.py": "columns cartesian_sums radon_inverse scattered_points",
    "ridgelet/reconstruct.py": "ridgelet_transform far_points reconstruction_accuracy",
    "ridgelet/transform.py": "ridgelet_transform far_points",
    "radon_transform/scattered_points.py": "scattered_points",
    "ridgelet/single_scale.py": "single_scale_forms far_points",
    "radon_transform/slice_plan.py": "radon radon_inverse",
    "radon_transform/slice_stages.py": "radon",
    "radon_transform/fourier_slices.py": "ridgelet_transform error_budget",
    "radon_transform/smoothed_samples.py": "laws radon ridgelet_transform",
    "ridgelet/spectra/spectrum.py": "spectrum ridgelet_transform",
    "ridgelet/sums/fourier_profiles.py": "ridgelet_transform far_points",
    "geometry.py": "parameter_grid radon",
    "radon_transform/segment_waves.py": "scattered_points",
    "networks/affine_control.py": "sampling",
    "networks/analysis.py": "network_analysis sampling",
    "networks/elimination.py": "outer_weights estimator",
    "networks/estimator.py": "estimator",
    "networks/importance.py": "sampling",
    "networks/least_squares.py": "outer_weights estimator",
    "networks/node_draws.py": "sampling",
    "networks/onnx_format.py": "export",
    "networks/onnx_graph.py": "export",
    "networks/outer_weights.py": "outer_weights",
    "networks/pairs.py": "sampling outer_weights estimator",
    "networks/residual.py": "residual",
    "networks/residual_calculus.py": "residual",
    "networks/sample_spectrum.py": "estimator",
    "networks/sampling.py": "sampling",
    "networks/shallow.py": "shallow",
    "networks/shallow_formats.py": "export shallow",
    "networks/storage.py": "residual shallow",
    "networks/torch_format.py": "export",
    "transport/deep_dae.py": "deep",
    "transport/gaussian_dae.py": "denoise stacked laws",
    "transport/distances.py": "distances",
    "transport/energies.py": "energies",
    "transport/flow.py": "flow",
    "transport/functionals.py": "functionals",
    "transport/jko.py": "energies",
    "transport/denoising_autoencoder.py": "noise",
    "transport/noise_integrals.py": "noise",
    "transport/ode.py": "flow",
    "transport/particles.py": "flow",
    "transport/position_noise_dae.py": "noise",
    "transport/posterior_draws.py": "noise",
    "transport/slicing.py": "slicing",
    "transport/stacked_dae.py": "stacked",
    "schemes.py": "flow",
    "double_continuum/continuum.py": "continuum_parts double_continuum",
    "double_continuum/chosen_depths.py": "continuum_parts double_continuum",
    "double_continuum/discretise.py": "continuum_parts double_continuum",
    "double_continuum/drawn_layers.py": "drawn_layers",
    "double_continuum/drawn_variance.py": "width_depth",
    "double_continuum/width_depth.py": "width_depth",
    "double_continuum/moving_region.py": "moving_region",
    "double_continuum/field_fit.py": "reconstruct_network",
    "double_continuum/velocity.py": "continuum_parts",
    "closed_forms/denoise.py": "closed_forms_flows",
    "closed_forms/flows.py": "closed_forms_flows",
    "closed_forms/fourier.py": "closed_forms_radon closed_forms_ridgelet",
    "closed_forms/functionals.py": "closed_forms_flows",
    "closed_forms/phantoms.py": "closed_forms_radon",
    "closed_forms/radon.py": "closed_forms_radon",
    "closed_forms/ridgelet.py": "closed_forms_ridgelet",
    "constructions/autoencoder.py": "autoencoder constructions_input",
    "constructions/autoencoder_report.py": "autoencoder",
    "constructions/bottleneck_build.py": "autoencoder",
    "constructions/bottleneck_maps.py": "autoencoder",
    "constructions/charts.py": "autoencoder constructions_input",
    "constructions/classifier.py": "truncation_classifier constructions_input",
    "constructions/clusters.py": "truncation constructions_input",
    "constructions/curves.py": "autoencoder_curves",
    "constructions/landscape.py": "truncation constructions_input",
    "constructions/checked_layers.py": "truncation truncation_classifier",
    "constructions/minimizer.py": "truncation constructions_input",
    "constructions/ridge_maps.py": "autoencoder",
    "constructions/separation.py": "truncation constructions_input",
    "constructions/truncation.py": "truncation",
    "theorems/constants.py": "theorems",
}

_SWAPS: dict[type, type] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.MatMult: ast.Mult,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.And: ast.Or,
    ast.Or: ast.And,
}


def _changed(node: ast.AST) -> ast.AST | None:
    """The node with its one operator, comparison or constant changed; None where it has none."""
    if isinstance(node, ast.BinOp) and type(node.op) in _SWAPS:
        return ast.BinOp(node.left, _SWAPS[type(node.op)](), node.right)
    if isinstance(node, ast.BoolOp):
        return ast.BoolOp(_SWAPS[type(node.op)](), node.values)
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _SWAPS:
        return ast.Compare(node.left, [_SWAPS[type(node.ops[0])]()], node.comparators)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Not)):
        return node.operand
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            return ast.Constant(not node.value)
        if isinstance(node.value, int):
            return ast.Constant(node.value + 1)
        if isinstance(node.value, float):
            return ast.Constant(1.3 * node.value if node.value else 0.7)
    return None


class _Sites(ast.NodeVisitor):
    """Places of a module where a change means something: no text, annotations or messages."""

    def __init__(self) -> None:
        self.found: list[tuple[ast.AST, ast.AST]] = []

    def visit(self, node: ast.AST) -> None:
        changed = _changed(node)
        if changed is not None:
            self.found.append((node, changed))
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns", "decorator_list") or isinstance(
                node, (ast.Raise, ast.JoinedStr, ast.Import, ast.ImportFrom)
            ):
                continue
            # Arguments of warnings and of refusals by size are words.
            if isinstance(node, ast.Call) and _name(node.func) in ("warn", "fits_in_memory"):
                continue
            # A copy more alters nothing, nor a check of lengths that agree, nor which negative
            # number stands for what is left.
            if isinstance(node, ast.keyword) and node.arg in ("copy", "strict"):
                continue
            if isinstance(node, ast.Call) and _name(node.func) == "reshape" and field == "args":
                value = [e for e in value if not isinstance(e, ast.UnaryOp)]
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    self.visit(child)


def _name(function: ast.AST) -> str:
    return getattr(function, "attr", getattr(function, "id", ""))


def mutants(source: str) -> list[tuple[int, str, str, str]]:
    """Line, old text, new text and whole new source of every change of a module."""
    tree = ast.parse(source)
    sites = _Sites()
    sites.visit(tree)
    starts = [0]
    for line in source.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    raw = source.encode()
    found = []
    for node, changed in sites.found:
        lo = starts[node.lineno - 1] + node.col_offset
        hi = starts[node.end_lineno - 1] + node.end_col_offset
        new = f"({ast.unparse(ast.fix_missing_locations(changed))})"
        text = (raw[:lo] + new.encode() + raw[hi:]).decode()
        found.append((node.lineno, raw[lo:hi].decode(), new, text))
    return found


def run(copy: Path, tests: list[str], limit: float) -> bool:
    """Whether the tests pass in the copy; what never returns counts as noticed."""
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider"]
    process = subprocess.Popen(
        [*command, *tests],
        cwd=copy,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return process.wait(limit) == 0
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.wait()
        return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--per-file", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--files", nargs="*", default=list(TESTS), help="paths in ridgeflow/")
    parser.add_argument("--lines", default="", help="only lines LO-HI of the (one) file")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    noticed = total = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "tree"
        shutil.copytree(
            ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv*", "_build", ".mypy_cache")
        )
        for name in arguments.files:
            path = copy / "ridgeflow" / name
            source = path.read_text("utf-8")
            tests = [str(next((copy / "tests").rglob(f"test_{t}.py"))) for t in TESTS[name].split()]
            start = time.monotonic()
            if not run(copy, tests, 900):
                print(f"{name}: its tests fail as it is")
                return 1
            limit = 60 + 3 * (time.monotonic() - start)
            pool = mutants(source)
            if arguments.lines:
                lo, hi = map(int, arguments.lines.split("-"))
                pool = [m for m in pool if lo <= m[0] <= hi]
            chosen = rng.sample(pool, min(arguments.per_file, len(pool)))
            survivors = []
            for line, old, new, text in chosen:
                path.write_text(text, "utf-8")
                total += 1
                if run(copy, tests, limit):
                    survivors.append((line, old, new))
                else:
                    noticed += 1
            path.write_text(source, "utf-8")
            print(f"{name}: {len(chosen) - len(survivors)} of {len(chosen)} noticed", flush=True)
            for line, old, new in survivors:
                print(f"    line {line}: {' '.join(old.split())} -> {new}", flush=True)
    print(f"{noticed} of {total} changes noticed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
