"""How Sphinx builds these pages; a warning is an error (`make docs`)."""

from __future__ import annotations

import re
from importlib.metadata import version as installed_version

from sphinx.ext.napoleon import GoogleDocstring

project = "pytest-epoll"
author = "the pytest-epoll developers"
copyright = author
release = version = installed_version("pytest-epoll")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3
smartquotes_action = "D"  # dashes only: what stands here is meant to be copied

# A name in single backticks in a docstring is a link if there is such a thing, and code if there is not.
default_role = "py:obj"

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
maximum_signature_line_length = 88
python_use_unqualified_type_names = True
add_module_names = False
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

nitpicky = True
nitpick_ignore_regex = [
    # Names in prose that are no objects of ours, such as `TimeoutError` or `server.timeline`.
    ("py:obj", r".*"),
    # The standard library's and pytest's: there is no network where these pages are built, so no inventory of theirs.
    ("py:(class|exc|func)", r"(collections\.abc|contextlib|types|typing|typing_extensions|os|re|asyncio|pytest)\..*"),
    ("py:(class|exc)", r"[A-Z]\w*(Error|Warning|Exception)"),
    (
        "py:class",
        r"(Awaitable|Callable|Coroutine|Generator|Iterable|Iterator|Mapping|Sequence|Future|PathLike|Pattern)",
    ),
    ("py:class", r"(TracebackType|Self|Any|P|P\.args|P\.kwargs|T|T_co|optional|socket)"),
    # Aliases that the text beside them explains.
    ("py:class", r"(Acts|HeaderItems|Position)"),
]

MADE_BY_THE_SERVER = {"Connection", "Event", "Headers", "Request", "Route", "Timeline", "Values"}
"""Classes that users hold and never make: how they are made is nobody's business."""

FIVE_QUESTIONS = re.compile(r"^(When|On the wire|The kernel|The client|Exact|Not exact): ")
"""How the paragraphs of a fault's docstring begin."""

_parse = GoogleDocstring._parse


def parse_like_a_method(docstring):
    """Napoleon takes what stands before a colon in a property's docstring for its type; ours are annotated."""
    if docstring._what in {"attribute", "property"}:
        docstring._what = "method"
    _parse(docstring)


GoogleDocstring._parse = parse_like_a_method


def with_bold_questions(app, what, name, obj, options, lines):
    if name.startswith("pytest_epoll.faults."):
        lines[:] = [FIVE_QUESTIONS.sub(r"**\1:** ", line) for line in lines]


def without_constructor(app, what, name, obj, options, signature, return_annotation):
    return ("", None) if what == "class" and name.rpartition(".")[2] in MADE_BY_THE_SERVER else None


def setup(app):
    app.connect("autodoc-process-signature", without_constructor)
    app.connect("autodoc-process-docstring", with_bold_questions)


html_theme = "furo"
html_title = "pytest-epoll"
html_theme_options = {"navigation_with_keys": True}
