"""The statements hold, each fails when its mathematics is broken, and reports say so."""

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest
import theorem_pages

import ridgeflow as rf
from ridgeflow import bibliography
from ridgeflow.theorems import Comparison, Plot, Report, Series, Statement, statements
from ridgeflow.theorems.constants import RESOLUTION, Constant, numbers, replaced
from ridgeflow.theorems.report import schema
from ridgeflow.theorems.statement import (
    Outcome,
    at_least,
    at_most,
    equal,
    fitted_slope,
    small,
    statement,
)

ALL = statements()
# Less than half a second each; the others are marked slow.
QUICK = (
    "radon_laplacian",
    "wavelet_of_radon",
    "admissibility_table",
    "gradient_identity",
    "tied_weights",
    "relu_null_relations",
    "finite_field",
    "tweedie",
    "shallow_pushforward",
    "anisotropic",
    "position_noise",
    "stacking_is_composition",
    "brenier",
    "deep_pushforward",
    "deep_to_continuous",
    "backward_heat",
    "wasserstein_gradient_flow",
    "deeper_converges_faster",
    "separation_iris",
    "truncation_cones",
    "zero_cost_minimizer",
    "landscape_errata",
    "truncation_entropy",
)
SLOW = tuple(name for name in ALL if name not in QUICK)


def check(name):
    """The statement holds, and fails by numbers, not by accident, for each of its breaks."""
    item = ALL[name]
    result = item.run("quick")
    if result.status == "skipped":
        pytest.skip(result.note)
    assert result.passed, (result.note, [c for c in result.comparisons if not c.passed])
    assert result.plots and all(plot.series for plot in result.plots)
    assert all(math.isfinite(c.measured) for c in result.comparisons)
    for broken in item.breaks:
        found = item.run("quick", broken=broken)
        assert found.status == "failed", broken
        assert found.comparisons, found.note


@pytest.mark.parametrize("name", QUICK)
def test_statement_holds_and_can_fail(name):
    check(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_longer_statement_holds_and_can_fail(name):
    check(name)


@pytest.mark.slow
def test_everything_in_three_minutes():
    report = rf.validate(effort="quick")
    assert report.passed, report.summary()
    assert report.seconds < 180  # measured 41 s on two busy cores
    theorem_pages.keep(report)  # which are not run again for the documentation


# Off by a twentieth, or by what the statement declares


def offs(name):
    return [
        (constant, sign * constant.resolution)
        for constant in ALL[name].constants
        for sign in (1, -1)
    ]


def notices(name):
    """The statement fails, by its numbers, with each of its constants off by its resolution."""
    item = ALL[name]
    for constant, part in offs(name):
        found = item.run_with("quick", constant, constant.shifted(part))
        if found.status == "skipped":
            pytest.skip(found.note)
        assert found.status == "failed", (constant.label, part)
        assert found.comparisons, (constant.label, part, found.note)


# Each of these takes less than 0.3 s for all of its constants.
SMALL = (
    "wavelet_of_radon",
    "admissibility_table",
    "relu_null_relations",
    "finite_field",
    "shallow_pushforward",
    "position_noise",
    "stacking_is_composition",
    "brenier",
    "backward_heat",
    "truncation_cones",
    "zero_cost_minimizer",
    "landscape_errata",
    "truncation_entropy",
)


@pytest.mark.parametrize("name", SMALL)
def test_a_constant_off_by_a_twentieth_is_noticed(name):
    notices(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in ALL if name not in SMALL])
def test_a_constant_off_by_its_resolution_is_noticed(name):
    notices(name)


def test_constants_and_their_resolution():
    for name, item in ALL.items():
        assert item.constants, name
        assert all(RESOLUTION <= c.resolution < 1 for c in item.constants), name
        # Signs and switches that are no numbers of the claim are truth values.
        assert item.limits.endswith(f"by {100 * RESOLUTION:g} %."), name
    coarse = {name for name, item in ALL.items() if item.resolution}
    assert coarse == {"ridge_regression", "oracle_sampling", "bands_of_drawn_networks"}
    text = ALL["ridge_regression"].limits
    assert text == "It fails with a constant that is off: rate = -0.5 by 20 %, the others by 5 %."


# Sizes of an experiment that a claim mentions, and the 4 of 3/4.
SIZES = {"dimension_free": {4.0, 10.0}, "separation_digits": {700.0}}


@pytest.mark.parametrize("name", ALL)
def test_numbers_of_a_claim_are_its_constants(name):
    """Every number but 0, 1, 2 and the lists of dimensions, depths and widths is an argument."""
    item = ALL[name]
    text = re.sub(r"[mkLJ] = \d+(?:(?:,| and) \d+)*", "", item.claim).replace("−", "-")
    found = re.findall(r"(?<![\w.])(\d+(?:\.\d+)?(?:e-\d+)?)", text)
    known = {round(abs(c.value), 12) for c in item.constants} | {0.0, 1.0, 2.0}
    assert {float(one) for one in found} - known <= SIZES.get(name, set())


def test_constants_of_nested_arguments():
    values = (("a", (0.5, None)), ("b", (0.0, True)))
    assert numbers(values) == [((0, 1, 0), 0.5), ((1, 1, 0), 0.0)]
    assert replaced(values, (1, 1, 0), 0.05) == (("a", (0.5, None)), ("b", (0.05, True)))
    assert Constant("x", (), 2.0).shifted(-0.05) == pytest.approx(1.9)
    assert Constant("x", (1, 0), 0.0).shifted(-0.05) == -0.05
    assert Constant("x", (1, 0), 0.0).label == "x[1][0]"


def test_what_is_stated():
    wanted = """slice_theorem radon_inversion wavelet_of_radon reconstruction published_correlations
    truncation plancherel gradient_identity laplacian_identity tied_weights finite_field ghosts
    ridge_regression monte_carlo_rate dimension_free tweedie shallow_pushforward deep_pushforward
    deep_to_continuous backward_heat entropy_and_fisher wasserstein_gradient_flow
    stacking_is_composition anisotropic deeper_converges_faster separation_iris separation_digits
    drawn_variance one_neuron_a_layer shared_neurons depth_of_a_normal_law bands_of_drawn_networks
    brenier autoencoder_bounds zero_cost_minimizer landscape_errata"""
    assert set(wanted.split()) <= set(ALL)
    assert set(QUICK) < set(ALL)
    for name, item in ALL.items():
        assert item.name == name and re.fullmatch(r"[a-z][a-z0-9_]+", name)
        assert item.claim and item.reason.endswith(".") and item.breaks
        assert all(paper in bibliography.entry_keys() for paper in item.papers)
        assert str(re.search(r"\(\d{4}\)", item.source))


def test_a_broken_library_is_seen(monkeypatch):
    """The breaks change what is claimed; here the library itself is wrong."""
    from ridgeflow.theorems import calculus, denoising, finite_field, ridgelet

    monkeypatch.setattr(ridgelet, "admissibility", lambda *a: 1.01 * rf.admissibility(*a))
    assert not ALL["admissibility_table"].run().passed
    right = calculus.gradient_spectrum
    monkeypatch.setattr(calculus, "gradient_spectrum", lambda s: 1.001 * right(s))
    assert not ALL["gradient_identity"].run().passed
    monkeypatch.setattr(
        denoising, "GaussianDAE", lambda law, t, **k: rf.GaussianDAE(law, 2 * t, **k)
    )
    assert not ALL["tweedie"].run().passed
    exact = finite_field.finite_ridgelet_transform
    monkeypatch.setattr(finite_field, "finite_ridgelet_transform", lambda f, r: exact(f, r[::-1]))
    assert not ALL["finite_field"].run().passed


# Comparisons


@pytest.mark.parametrize(
    ("comparison", "passed"),
    [
        (equal("", 1.0, 1.05, 0.1), True),
        (equal("", 1.0, 0.85, 0.1), False),
        (equal("", -2.0, -2.1, 0.1, relative=True), True),
        (equal("", -2.0, -2.3, 0.1, relative=True), False),
        (equal("", 1.0, math.nan, 1.0), False),
        (small("", 1e-9, 1e-8), True),
        (small("", -1e-7, 1e-8), False),
        (at_most("", 1.0, 0.2), True),
        (at_most("", 1.0, 1.1), False),
        (at_most("", 1.0, 1.1, 0.2), True),
        (at_least("", 1.0, 1.1), True),
        (at_least("", 1.0, 0.9), False),
        (at_least("", 1.0, math.nan), False),
    ],
)
def test_comparisons(comparison, passed):
    assert comparison.passed is passed
    assert (comparison.usage <= 1) is passed


def test_tightest_comparison_is_shown():
    loose, tight = small("loose", 1e-9, 1.0), small("tight", 0.9, 1.0)
    result = replace(ALL["finite_field"].run(), comparisons=(loose, tight))
    assert result.tightest is tight
    assert (result.predicted, result.measured, result.tolerance) == (0.0, 0.9, 1.0)
    empty = replace(result, comparisons=())
    assert empty.tightest is None and math.isnan(empty.measured)


def test_slope():
    x = np.array([1.0, 2.0, 4.0])
    assert fitted_slope(x, 3 * x**-0.5) == pytest.approx(-0.5, abs=1e-14)


def test_series_of_unequal_length():
    with pytest.raises(ValueError, match="`y` must have the length of `x`, got 2 and 1"):
        Series.of("", [1.0], [1.0, 2.0])


# Running


def fake(name="made_up", outcome=None, error=None):
    """A statement that does what it is told."""

    def function(effort):
        if error is not None:
            raise error
        return outcome or Outcome((small("error", 1.0, 0.5),), (PLOT,), "a <note> & more")

    return Statement(
        name, "Made up <b>", "x < y & z", ("fisher1936use",), "", "None.", {"all": {}}, "", function
    )


PLOT = Plot("P", "x", "y", (Series.of("s", [1.0, 2.0], [3.0, math.inf]),))


def test_a_statement_that_fails_raises_or_lacks_a_package():
    failed = fake().run()
    assert failed.status == "failed" and not failed.passed
    raised = fake(error=ZeroDivisionError("by zero")).run()
    assert raised.status == "failed" and raised.note == "ZeroDivisionError: by zero"
    skipped = fake(error=rf.MissingDependencyError("pip install it")).run()
    assert skipped.status == "skipped" and skipped.note == "pip install it"
    report = Report((failed, raised, skipped), "quick")
    assert not report.passed and report.failed == (failed, raised) and report.skipped == (skipped,)
    assert Report((skipped,), "quick").passed
    assert fake(outcome=Outcome(())).run().status == "failed"
    table = report.table()
    assert "0 of 3 statements passed" in table and "ZeroDivisionError: by zero" in table
    with pytest.raises(KeyboardInterrupt):
        fake(error=KeyboardInterrupt()).run()


def test_registering_refuses():
    options = {"claim": "", "reason": "", "breaks": {"all": {}}}
    with pytest.raises(ValueError, match="`name` must be new, got 'finite_field' again"):
        statement("finite_field", "", papers=["fisher1936use"], **options)(lambda effort: None)
    with pytest.raises(ValueError, match=r"`key` must be one of ridgeflow, .*got 'nobody1900'"):
        statement("new", "", papers=["nobody1900"], **options)(lambda effort: None)
    with pytest.raises(ValueError, match="`breaks` must hold a way in which the statement fails"):
        statement("new", "", papers=["fisher1936use"], claim="", reason="", breaks={})(
            lambda effort: None
        )
    for resolution in ({"factor": 0.04}, {"other": 0.2}, {"factor": math.nan}):
        with pytest.raises(ValueError, match=r"`resolution` must give constants of the statement"):
            statement("new", "", papers=["fisher1936use"], **options, resolution=resolution)(
                lambda effort, *, factor=1.0: None
            )
    assert "new" not in statements()


def test_validate_chooses_and_reports_progress():
    calls = []
    report = rf.validate(
        ["finite_field", "truncation_cones", "finite_field"],
        progress=lambda title, share: calls.append((title, share)),
    )
    assert [r.name for r in report] == ["finite_field", "truncation_cones"]
    shares = [share for _, share in calls]
    assert shares == sorted(shares) and shares[0] == 0.0 and calls[-1] == ("done", 1.0)
    assert report.passed and len(report) == 2 and report["finite_field"].passed
    assert report.table().splitlines()[0].split()[0] == "statement"
    assert "2 of 2 statements passed (quick," in report.summary()
    with pytest.raises(KeyError, match="no result 'ghosts'; there are finite_field"):
        report["ghosts"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: rf.validate("finite_feld"),
            r"`names` must be among slice_theorem, .*got 'finite_feld' .*mean 'finite_field'",
        ),
        (lambda: rf.validate([]), "`names` must hold at least one name, got none"),
        (
            lambda: rf.validate("finite_field", effort="quik"),
            r"`effort` must be one of quick, full, got 'quik' \(did you mean 'quick'",
        ),
        (
            lambda: ALL["finite_field"].run(broken="nothing"),
            "`broken` must be one of the printed",
        ),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rf.validate(3), "`names` must be a list or a tuple, got 3"),
        (lambda: rf.validate(True), "`names` must be a list or a tuple, got True"),
        (lambda: rf.validate(b"finite_field"), "`names` must be a list or a tuple, got b'finite"),
        (lambda: rf.validate({"finite_field": 1}), "`names` must be a list or a tuple, got {"),
        (lambda: rf.validate({"finite_field"}), "`names` must be a list or a tuple, got {"),
        (lambda: rf.validate(n for n in ["ghosts"]), "`names` must be a list or a tuple, got <gen"),
        (lambda: rf.validate([["finite_field"]]), r"`names` must hold names .*of type list"),
        (lambda: rf.validate([None]), "`names` must hold names of statements, got None"),
        (
            lambda: rf.validate("finite_field", effort=1),
            "`effort` must be a string among quick, full",
        ),
        (
            lambda: rf.validate("finite_field", progress=3),
            "`progress` must be True, False or a function .*, got int",
        ),
        (
            lambda: ALL["finite_field"].run_with("quick", "factor", 1.0),
            "`constant` must be a Constant, got 'factor'",
        ),
    ],
)
def test_refusals_of_types(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_constants_of_another_statement_are_refused():
    item = ALL["finite_field"]
    with pytest.raises(ValueError, match=r"`constant` must be one of factor, .*, got cosines"):
        item.run_with("quick", ALL["ghosts"].constants[0], 1.0)
    with pytest.raises(ValueError, match="`value` must be finite"):
        item.run_with("quick", item.constants[0], math.nan)
    assert rf.validate(np.array(["finite_field"])).passed


# JSON


def conforms(value, rule, root):
    """What of JSON Schema the report's schema uses."""
    if "$ref" in rule:
        return conforms(value, root["$defs"][rule["$ref"].rpartition("/")[2]], root)
    if "const" in rule:
        return value == rule["const"]
    if "enum" in rule:
        return value in rule["enum"]
    kinds = {
        "object": dict,
        "array": list,
        "string": str,
        "boolean": bool,
        "integer": int,
        "number": (int, float),
        "null": type(None),
    }
    allowed = [rule["type"]] if isinstance(rule["type"], str) else rule["type"]
    if not any(isinstance(value, kinds[kind]) for kind in allowed):
        return False
    if isinstance(value, bool) and "boolean" not in allowed:
        return False
    if isinstance(value, dict):
        known = rule["properties"]
        return set(rule["required"]) <= set(value) <= set(known) and all(
            conforms(value[key], known[key], root) for key in value
        )
    if isinstance(value, list):
        return len(value) >= rule.get("minItems", 0) and all(
            conforms(item, rule["items"], root) for item in value
        )
    return not isinstance(value, (int, float)) or value >= rule.get("minimum", -math.inf)


def test_json_follows_its_schema(tmp_path):
    report = Report(
        (ALL["finite_field"].run(), fake().run(), fake(error=ValueError("x")).run()), "quick"
    )
    report.to_json(tmp_path / "report.json")
    found = json.loads((tmp_path / "report.json").read_text("utf-8"))
    rule = schema()
    assert conforms(found, rule, rule)
    assert found["passed"] is False
    assert [s["status"] for s in found["statements"]] == ["passed", "failed", "failed"]
    # JSON knows no infinity.
    assert found["statements"][1]["plots"][0]["series"][0]["y"] == [3.0, None]
    assert found["statements"][2]["measured"] is None
    for damage in (
        lambda d: d.pop("effort"),
        lambda d: d.update(extra=1),
        lambda d: d["statements"][0].update(status="maybe"),
        lambda d: d["statements"][0]["comparisons"][0].update(measured="much"),
        lambda d: d["environment"].update(threads=0),
    ):
        bad = json.loads(json.dumps(found))
        damage(bad)
        assert not conforms(bad, rule, rule)


def test_json_for_another_validator():
    jsonschema = pytest.importorskip("jsonschema")
    report = Report((ALL["finite_field"].run(), fake().run()), "quick")
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(report.to_dict(), schema())


# Bibliography


def test_cite():
    text = rf.cite("ghosts", rf.finite_ridgelet_transform, "fisher1936use")
    keys = re.findall(r"^@\w+\{(\w+),", text, re.MULTILINE)
    assert keys == [
        "ridgeflow",
        "sonoda2021ghosts",
        "sonoda2024unified",
        "yamasaki2023quantum",
        "fisher1936use",
    ]
    law = rf.GaussianMixture([1.0], [[0.0]], 1.0)
    assert "alain2014regularized" in rf.cite(rf.GaussianDAE(law, 0.1))
    everything = re.findall(r"^@\w+\{(\w+),", rf.cite("all"), re.MULTILINE)
    assert set(everything) == set(bibliography.entry_keys()) and len(set(everything)) == len(
        everything
    )
    assert "sonoda2019transport" in rf.cite()  # GaussianDAE was asked for above
    with pytest.raises(
        ValueError, match=r"`topics` must be one of all, radon transform, .*'gosts'"
    ):
        rf.cite("gosts")
    for text in rf.cite("all").split("\n\n"):
        assert text.count("{") == text.count("}")


def test_every_topic_and_name_can_be_cited():
    public = set(rf.__all__) | set(rf.closed_forms.__all__) | set(rf.constructions.__all__)
    public |= set(rf.datasets.__all__) | {"DualPotential"}
    for topic in bibliography.topics():
        papers, names = bibliography._TOPICS[topic]
        assert rf.cite(topic).count("\n@") == len(papers)
        assert set(papers) <= set(bibliography.entry_keys())
        assert set(names) <= public, set(names) - public


def test_references_are_one_line():
    assert bibliography.reference("candes1998ridgelets").startswith("Candès, Ridgelets")
    assert "Muñoz Ewald" in bibliography.reference("chen2023geometric")
    assert bibliography.reference("vincent2010stacked").startswith("Vincent et al., ")
    with pytest.raises(ValueError, match="`key` must be one of"):
        bibliography.bibtex("nobody")


def test_comparison_is_public():
    assert Comparison("slope", -0.5, -0.52, 0.1).passed
