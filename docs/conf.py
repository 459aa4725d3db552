"""How the documentation is built: Sphinx, MyST Markdown, furo."""

from __future__ import annotations

from importlib.metadata import version as installed

project = "containment"
author = "The containment authors"
project_copyright = "The containment authors, Apache-2.0"
version = release = installed("containment")

extensions = ["myst_parser"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"containment {release}"
html_show_sphinx = False
