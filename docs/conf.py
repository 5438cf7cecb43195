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

default_role = "py:obj"

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
maximum_signature_line_length = 88
python_use_unqualified_type_names = True
add_module_names = False
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = "pytest-epoll"
html_theme_options = {"navigation_with_keys": True}
html_static_path = ["_static"]
html_css_files = ["wide.css"]

nitpicky = True
nitpick_ignore_regex = [
    # Names in prose that are no objects of ours, such as `TimeoutError` or `server.timeline`.
    ("py:obj", r".*"),
    # The standard library's and pytest's: there is no network where these pages are built, so no inventory of theirs.
    ("py:(class|exc|func)", r"(collections\.abc|contextlib|types|typing|typing_extensions|os|re|asyncio|pytest)\..*"),
    ("py:(class|exc)", r"[A-Z]\w*(Error|Warning|Exception)"),
    (
        "py:class",
        r"(AbstractContextManager|Awaitable|Callable|Coroutine|Generator|Iterable|Iterator|Mapping|Sequence|Future|PathLike|Pattern)",
    ),
    ("py:class", r"(TracebackType|Buffer|Self|Any|P|P\.args|P\.kwargs|T|T_co|optional|socket)"),
    # Hypothesis's, which strategies are made of.
    ("py:class", r"(hypothesis\.strategies\.)?SearchStrategy"),
    # What `faults.body()` and its kin, and the functions of `steps`, return: values to hand on.
    ("py:class", r"pytest_epoll\.(faults\._positions\.Place|_serving\.scripts\.step\.Step)"),
    # Aliases that the text beside them explains.
    (
        "py:class",
        r"(Acts|AtAccept|Contained|pytest_epoll\.match\.Contained|GivenReply|H|HeaderItems|Informational|Path|Position|Step|StreamSource)",
    ),
]

HELD_ONLY = re.compile(
    r"ClientView|Conn|Connection|Event|Fault|Gate|Headers|Listener|Mark|Outcome|Part|Parts|Range|Request|Requests|Route|Sweep|"
    r"Timeline|Values|\w+Aio",
)
"""Classes that users hold and never make: how they are made is nobody's business."""

FIVE_QUESTIONS = re.compile(r"^(When|On the wire|The kernel|The client|Exact|Not exact): ")
"""How the paragraphs of a fault's docstring begin."""

_parse = GoogleDocstring._parse


def parse_like_a_method(docstring):
    """Napoleon takes what stands before a colon in a property's docstring for its type; ours are annotated."""
    if docstring._what in {"attribute", "data", "property"}:
        docstring._what = "method"
    _parse(docstring)


GoogleDocstring._parse = parse_like_a_method


CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)(\w?)")
LINKED = re.compile(r"(errors\.|faults\.|match\.)?[A-Z]\w+(\.\w+)?(\(\))?")
NAME = re.compile(r"[\w.]+(\(\))?")


def with_marked_code(app, what, name, obj, options, lines):
    """Single backticks around a name are a link if there is such a thing; around anything else they mean code."""

    def marked(match):
        code = " ".join(match[1].split())
        if LINKED.fullmatch(code):
            code = "." + code  # wherever it is
        markup = f"`{code}`" if NAME.fullmatch(code) else f"``{code}``"
        return markup + (f"\\ {match[2]}" if match[2] else "")  # the plural of a name

    text = re.sub(r"\n +\w+: see `Response`\.(?=\n)", "", "\n".join(lines))  # one link to it is enough
    lines[:] = CODE.sub(marked, text).split("\n")
    if name.startswith("pytest_epoll.faults."):
        lines[:] = [FIVE_QUESTIONS.sub(r"**\1:** ", line) for line in lines]


def plain_signature(app, what, name, obj, options, signature, return_annotation):
    """Leave out what is nobody's business: constructors of what the server makes, fixtures' arguments, inner types."""
    if (what == "class" and HELD_ONLY.fullmatch(name.rpartition(".")[2])) or name.startswith("pytest_epoll.plugin."):
        return ("", None)
    if signature is None:
        return None
    signature = re.sub(r"(\*\*\w+): ~?[\w.]*Unpack\[[^\]]*\]", r"\1", signature)
    return (signature.replace("= ABSENT", "= ...").replace("limits.WAIT_SECONDS", "5.0"), return_annotation)


def setup(app):
    app.connect("autodoc-process-signature", plain_signature)
    app.connect("autodoc-process-docstring", with_marked_code, priority=400)  # before napoleon, at 500
