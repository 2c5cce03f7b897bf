"""Budgets against true errors over drawn cases: honest, not idle, and no miss without a word.

Constants were tuned on seeds 1 and 2 of both banks, and on seed 11 of representations; what is
asserted here was drawn with others.
"""

import pytest

import ridgeflow as rf

from . import honesty

# Shares of cases: with a budget below the truth, and above ten times it.
FEW = 0.02
# Seeds that no constant was tuned on. Measured, least, below 1, above 10: .986, .8 %, .4 % of
# spectra and 1.00, 0, .4 % of representations (docs/honesty_table.txt).
FRESH = {"spectra": 11, "representations": 12}


def judged(bank, count, seed, record_property):
    outcomes, refused = honesty.cases(bank, count, seed)
    figures = honesty.summary(outcomes)
    print(f"\n{honesty.table(outcomes)}\nrefused: {refused}")
    shown = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
    record_property(f"budgets, {bank}", shown)
    worst = min(outcomes, key=lambda one: one.ratio)
    assert figures["least"] >= 0.8, worst
    silent = [one for one in outcomes if one.silent_miss]
    assert not silent, silent[0]
    return figures


@pytest.mark.parametrize("bank", honesty.BANKS)
def test_a_few_dozen_budgets(bank, record_property):
    figures = judged(bank, 18, 5, record_property)
    assert figures["below 1"] * 18 <= 1 and figures["above 10"] * 18 <= 1


@pytest.mark.slow
@pytest.mark.parametrize("bank", honesty.BANKS)
def test_five_hundred_budgets(bank, record_property):
    with rf.config(threads=1):
        figures = judged(bank, 500, FRESH[bank], record_property)
    assert figures["below 1"] <= FEW
    assert figures["above 10"] <= FEW


def test_the_runner_draws_the_same_cases_in_parts():
    whole, _ = honesty.cases("representations", 4, seed=7)
    parts = [one for i in range(2) for one in honesty.cases("representations", 2, 7, (i, 2))[0]]
    found = {one.seed: one.budget for one in parts}
    shared = [one for one in whole if one.seed in found]
    assert shared and all(one.budget == found[one.seed] for one in shared)
