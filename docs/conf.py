"""Sphinx settings; `make docs` builds with warnings as errors."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import run_examples
import theorem_pages

import ridgeflow

project = "ridgeflow"
author = "The ridgeflow developers"
copyright = "The ridgeflow developers"
release = version = ridgeflow.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_examples"]
html_theme = "furo"
html_title = f"ridgeflow {release}"
html_static_path = ["_static"]

autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False


def setup(app):
    app.connect("builder-inited", lambda app: run_examples.main())
    app.connect("builder-inited", lambda app: theorem_pages.main())
