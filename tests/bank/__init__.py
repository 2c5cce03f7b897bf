"""The bank: valid calls of every public callable, and what may be done to their arguments.

``python -m tests.bank --room transport --seed 3 --count 1000`` runs one room and groups what
failed by its kind; ``--row NAME`` keeps the rows of one callable.
"""
