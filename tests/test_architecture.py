"""Imports point only left and never in a circle, each heavy library has one home, and only the command line prints."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import pytest

import segmenter

PACKAGE = Path(segmenter.__file__).parent
TESTS = Path(__file__).parent
LAYERS = (
    ("errors", "arrays", "_version"),
    ("io", "features", "mixture"),
    ("regions", "metrics"),
    ("segmentation", "execution"),
    ("render", "estimators"),
    ("workflows",),
    ("cli",),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
FOUNDATION = ("errors", "arrays", "_version")
"""The first layer; its modules may import each other, while those of any other layer may not."""

HOMES = {
    "click": {"cli"},
    "PIL": {"io"},
    "pillow_heif": {"io"},
    "tifffile": {"io"},
    "matplotlib": {"render"},
    "jinja2": {"render"},
    "markupsafe": {"render"},
    "aiohttp": {"io"},
    "dask": {"execution"},
    "distributed": {"execution"},
    "sklearn": {"estimators"},
    "fsspec": {"io"},
    "rich": {"cli"},
}
TYPES_ONLY = {("segmentation", "PIL"), ("workflows", "PIL")}
"""What a layer may import for the type checker."""

EXEMPT = {"__init__", "__main__"}
"""Modules of the package itself: the public names and the entry point."""

MAY_EXIT = {module: {"os._exit"} for module in ("execution.processes", "execution.processes")}
"""The main function of a process of ours that is no command."""

MAY_PRINT = {"estimators.progress": {"print"}}
"""What `verbose` means in scikit-learn."""

HEAVY = (
    "aiohttp",
    "fsspec",
    "numpy",
    "scipy",
    "skimage",
    "PIL",
    "pillow_heif",
    "tifffile",
    "matplotlib",
    "dask",
    "distributed",
    "threadpoolctl",
    "sklearn",
    "rich",
    "jinja2",
)


# ---- the checker ---------------------------------------------------------------------------------------------------


def type_checking_nodes(tree: ast.AST) -> set[ast.AST]:
    """Return all nodes below ``if TYPE_CHECKING:``."""
    blocks = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
    ]
    return {inner for block in blocks for statement in block.body for inner in ast.walk(statement)}


def imports(source: str, package: str) -> Iterator[tuple[str, bool]]:
    """Yield every module or name that a source imports anywhere, and whether only for the type checker.

    Parameters
    ----------
    source : str
    package : str
        Dotted name of the package that the module is in, which relative imports start from.
    """
    tree = ast.parse(source)
    for_types = type_checking_nodes(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node in for_types
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                yield f"{module}.{alias.name}", node in for_types


def calls(source: str) -> set[str]:
    """Return the names of all that a source calls, such as "print" and "sys.exit"."""
    return {ast.unparse(node.func) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)}


def offences(module: str, source: str) -> list[str]:
    """Return what a module of the package does that its layer may not.

    Parameters
    ----------
    module : str
        Dotted name below ``segmenter``, for instance "io.images.photo"; of a package with ``__init__`` at the end.
    source : str
    """
    layer = module.split(".")[0]
    if layer in EXEMPT:
        return []
    if layer not in RANK:
        return [f"{module} is in no layer"]
    found = []
    package = ".".join(["segmenter", *module.split(".")[:-1]])
    for name, for_types in imports(source, package):
        top, *rest = name.split(".")
        if top == "segmenter":
            target = rest[0] if rest else "the whole package"
            beside = RANK.get(target) == RANK[layer] and layer not in (target, *FOUNDATION)
            if beside or RANK.get(target, len(LAYERS)) > RANK[layer]:
                found.append(f"{module} imports {target}, which is not to its left")
        elif layer not in HOMES.get(top, {layer}) and not (for_types and (layer, top) in TYPES_ONLY):
            found.append(f"{module} imports {top}, which is at home in {', '.join(HOMES[top])}")
    called = calls(source)
    if layer != "cli":
        talking = {"print", "input", "exit", "quit", "sys.exit", "os._exit", "sys.stdout.write", "sys.stderr.write"}
        talking -= MAY_EXIT.get(module, set()) | MAY_PRINT.get(module, set())
        found += [f"{module} calls {name}, which only cli may" for name in sorted(called & talking)]
        hidden = {"import_module", "importlib.import_module", "__import__"}
        found += [f"{module} calls {name}, which hides an import" for name in sorted(called & hidden)]
    return found


def imported_modules(module: str) -> set[str]:
    """Return the modules of the package that a module imports, at any time, also only for the type checker."""
    package = ".".join(["segmenter", *module.split(".")[:-1]])
    found = set()
    for name, _ in imports(MODULES[module].read_text(encoding="utf-8"), package):
        below = name.removeprefix("segmenter.")
        candidates = (below, f"{below}.__init__", below.rpartition(".")[0], f"{below.rpartition('.')[0]}.__init__")
        if name.startswith("segmenter."):
            found.update([candidate for candidate in candidates if candidate in MODULES][:1])
    return found - {module}


def imported_tests(source: str, package: str) -> list[str]:
    """Return the test modules that a source imports."""
    found = []
    for name, _ in imports(source, package):
        parts = name.split(".")
        ends = [index for index, part in enumerate(parts) if index and part.startswith("test_")]
        if parts[0] == "tests" and ends:
            found.append(".".join(parts[: ends[0] + 1]))
    return sorted(set(found))


def circles(arrows: Mapping[str, Collection[str]]) -> list[list[str]]:
    """Return the groups of two or more nodes of which each can be reached from every other."""

    def reachable(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            for node in set(arrows[waiting.pop()]) - seen:
                seen.add(node)
                waiting.append(node)
        return seen

    reached = {node: reachable(node) for node in arrows}
    groups = {frozenset(other for other in reached[node] if node in reached[other]) for node in arrows}
    return sorted(sorted(group) for group in groups if len(group) > 1)


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


MODULES = {dotted(path): path for path in sorted(PACKAGE.rglob("*.py"))}
every_module = pytest.mark.parametrize("module", MODULES)


# ---- the checker checked -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("io.images.photo", "from segmenter.mixture.em import fit"),
        ("io.images.photo", "import segmenter.features.color"),
        ("io.images.photo", "from segmenter import features"),
        ("io.images.photo", "from segmenter import segment"),
        ("io.images.photo", "import segmenter"),
        ("io.images.photo", "from ...mixture import em"),
        ("io.images.photo", "from ... import mixture"),
        ("io.__init__", "from ..mixture import em"),
        ("execution.api", "from segmenter.segmentation.result import Segment"),
        ("workflows.segment.in_memory", "from segmenter import __version__"),
        ("errors", "from .io import photo"),
        ("errors", "def late():\n    from segmenter.io import photo"),
        ("mixture.em", "if TYPE_CHECKING:\n    from segmenter.segmentation.result import Segment"),
        ("mixture.em", "class A:\n    def late(self):\n        import segmenter.cli as shell"),
        ("segmentation.result", "from segmenter.render import pixels"),
        ("helpers", "x = 1"),
        ("workflows.segment.in_memory", "import click"),
        ("workflows.batch.run", "from rich.progress import Progress"),
        ("features.color", "from PIL import Image"),
        ("workflows.segment.in_memory", "from PIL import Image"),
        ("features.color", "if TYPE_CHECKING:\n    from PIL.Image import Image"),
        ("workflows.segment.in_memory", "if TYPE_CHECKING:\n    x = 1\nelse:\n    from PIL.Image import Image"),
        ("render.pixels", "def late():\n    import tifffile"),
        ("workflows.segment.in_memory", "from matplotlib.figure import Figure"),
        ("io.images.tiff", "import dask.array as da"),
        ("workflows.cluster.run", "from sklearn.base import BaseEstimator"),
        ("mixture.em", "from segmenter.estimators import GaussianMixture"),
        ("mixture.em", "print('hello')"),
        ("mixture.em", "import sys\nsys.exit(1)"),
        ("mixture.em", "from importlib import import_module\nimport_module('segmenter.cli')"),
    ],
)
def test_an_offence_is_seen(module: str, source: str) -> None:
    assert len(offences(module, source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("mixture.em", "from segmenter.arrays import Floats\nfrom .model import Mixture\nimport numpy as np"),
        ("mixture.em", "from ..errors import FitError\nfrom segmenter.mixture import gaussian"),
        ("errors", "from segmenter import arrays"),
        ("workflows.segment.in_memory", "from segmenter._version import __version__"),
        ("workflows.segment.in_memory", "if TYPE_CHECKING:\n    from PIL.Image import Image"),
        ("execution.dask_client", "import dask.array as da"),
        ("io.images.tiff", "import tifffile\nfrom PIL import Image"),
        ("render.encoding", "import matplotlib.figure"),
        ("cli.segment", "import click, sys\nfrom segmenter.workflows import select\nprint(1)\nsys.exit(0)"),
        ("estimators.gaussian_mixture", "from sklearn.base import BaseEstimator\nfrom segmenter.mixture.em import fit"),
        ("__init__", "from segmenter.cli import main"),
        ("mixture.em", "text = 'print(1); import segmenter.cli'"),
    ],
)
def test_what_is_allowed_is_let_pass(module: str, source: str) -> None:
    assert offences(module, source) == []


def test_the_checker_reads_the_whole_package() -> None:
    assert {"__init__", "errors.base", "arrays", "mixture.em", "cli.__init__"} <= set(MODULES)
    targets = {name for path in MODULES.values() for name, _ in imports(path.read_text(encoding="utf-8"), "segmenter")}
    assert {"click", "PIL.Image", "numpy", "segmenter.mixture.em.fit"} <= targets


def test_an_import_of_a_test_module_is_seen() -> None:
    sources = (
        "from tests.cli.test_commands import run",
        "from .test_commands import run",
        "from . import test_commands",
    )
    assert [imported_tests(source, "tests.cli") for source in sources] == [["tests.cli.test_commands"]] * 3
    assert imported_tests("from tests.support.command import run\nimport pytest", "tests.cli") == []


def test_a_circle_is_seen() -> None:
    arrows = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"e"}, "e": set(), "f": {"f", "e"}}
    assert circles(arrows) == [["a", "b", "c"]]


# ---- the package checked -------------------------------------------------------------------------------------------


@every_module
def test_a_module_keeps_to_its_layer(module: str) -> None:
    assert offences(module, MODULES[module].read_text(encoding="utf-8")) == []


def test_every_layer_exists() -> None:
    assert {module.split(".")[0] for module in MODULES} == {*RANK, *EXEMPT}


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circles({module: imported_modules(module) for module in MODULES}) == []


def test_no_module_imports_a_test_module() -> None:
    """Helpers that several test modules use belong in `tests.support`, fixtures there or in a conftest.py."""
    found = {}
    for path in TESTS.rglob("*.py"):
        package = ".".join(["tests", *path.relative_to(TESTS).parent.parts])
        found[str(path.relative_to(TESTS))] = imported_tests(path.read_text(encoding="utf-8"), package)
    assert {path: modules for path, modules in found.items() if modules} == {}


def loaded_by(module: str) -> set[str]:
    """Return which heavy libraries a fresh interpreter has loaded after it imported a module."""
    code = f"import sys, {module}; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(run.stdout.split())


@pytest.mark.parametrize(
    "module",
    ["segmenter", *(f"segmenter.{name.removesuffix('.__init__')}" for name in MODULES if name.startswith("cli."))],
)
def test_help_needs_no_heavy_library(module: str) -> None:
    assert loaded_by(module) == set()


def test_a_heavy_library_would_be_seen() -> None:
    assert {"numpy", "PIL"} <= loaded_by("segmenter.segmentation.colors")
