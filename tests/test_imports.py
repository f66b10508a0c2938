"""Holds the package against its own architecture: who may import what, and what the core may not do."""

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import pin_exporter

PACKAGE = Path(pin_exporter.__file__).parent

MAY_IMPORT = {
    "toolkit": "",
    "api": "toolkit",
    "config": "toolkit api",
    "inventory": "toolkit api config",
    "retrieval": "toolkit api config inventory",
    "polling": "toolkit api config inventory retrieval",
    "metrics": "toolkit api config inventory retrieval polling",
    "status": "toolkit api config inventory retrieval polling metrics",
    "doctor": "toolkit api config inventory retrieval polling metrics status",
    "once": "toolkit api config inventory retrieval polling metrics status doctor",
    "commands": "toolkit api config inventory retrieval polling metrics status doctor once simulator",
    "simulator": "",
}
"""Package → packages that it may import besides itself."""

IMPORTED_BY = {
    "bcrypt": "toolkit",
    "dotenv": "config",
    "h11": "api toolkit",
    "httpx": "api",
    "jinja2": "status",
    "msgspec": "api simulator",
    "prometheus_client": "toolkit metrics",
    "pydantic": "api config",
    "pydantic_settings": "config",
    "starlette": "toolkit status commands simulator",
    "uvicorn": "toolkit simulator",
    "uvloop": "toolkit commands simulator",
    "yaml": "toolkit",
}
"""Library → packages that may import it."""

PURE = {
    "api.errors",
    "api.model",
    "api.request_stats",
    "inventory.cid",
    "inventory.counter",
    "inventory.expected",
    "inventory.follow",
    "inventory.hash_set",
    "inventory.label_limit",
    "inventory.mirror",
    "inventory.problem_pins",
    "inventory.reservoir",
    "inventory.walk",
    "polling.schedule",
    "polling.snapshot",
    "retrieval.confidence",
    "retrieval.samples",
    "retrieval.verify",
    "status.account",
    "status.report",
    "toolkit.display_text",
    "toolkit.sharding",
    "toolkit.units",
}
"""Modules that need only the standard library, never wait and never read a clock."""

CLOCKS = {"asyncio", "sched", "signal", "threading", "time", "pin_exporter.toolkit.clock"}
CLOCK_READINGS = {"now", "utcnow", "today", "time", "monotonic", "perf_counter"}
MAX_MODULES = 15


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


TREES = {name_of(path): ast.parse(path.read_text("utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """Walk over what runs: everything but `if TYPE_CHECKING:`."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from statements(child)


def imports_of(module: str) -> set[str]:
    """Return what a module imports, by full name: a module of ours, or whatever stands in the statement."""
    found: set[str] = set()
    for node in statements(TREES[module]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                is_module = submodule.removeprefix("pin_exporter.") in TREES
                found.add(submodule if is_module else str(node.module))
    return found


def ours(module: str) -> set[str]:
    """Return the modules of the package that a module imports, named as in TREES."""
    return {
        name.removeprefix("pin_exporter").removeprefix(".")
        for name in imports_of(module)
        if name.partition(".")[0] == "pin_exporter"
    }


def package_of(module: str) -> str:
    return module.partition(".")[0]


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_only_those_before_it(package: str) -> None:
    allowed = {package, "", *MAY_IMPORT[package].split()}
    if package in {"toolkit", "simulator"}:
        allowed.remove("")  # nor the version, which is the exporter's
    modules = [module for module in TREES if package_of(module) == package]
    assert modules
    assert {
        (module, name) for module in modules for name in ours(module) if package_of(name) not in allowed
    } == set()


def test_the_toolkit_does_not_say_what_is_monitored() -> None:
    words = re.compile(r"\b(pins?|aioz\w*|accounts?|pin.exporter)\b(?!\.toolkit)", re.IGNORECASE)
    paths = (PACKAGE / "toolkit").rglob("*.[pm][yd]")
    found = {path.name: words.findall(path.read_text("utf-8")) for path in paths}
    assert {name: words for name, words in found.items() if words} == {}


def test_every_package_is_in_the_table() -> None:
    assert {package_of(module) for module in TREES} - {"", "__main__"} == set(MAY_IMPORT)


def test_a_library_is_imported_only_by_its_packages() -> None:
    importers = {
        (name.partition(".")[0], package_of(module))
        for module in TREES
        for name in imports_of(module)
        if name.partition(".")[0] not in {"pin_exporter", *sys.stdlib_module_names}
    }
    allowed = {
        (library, package) for library, packages in IMPORTED_BY.items() for package in packages.split()
    }
    assert importers - allowed == set()
    assert allowed - importers == set(), "the table allows more than is needed"


@pytest.mark.parametrize("module", sorted(PURE))
def test_the_core_is_pure(module: str) -> None:
    imported = imports_of(module)
    assert not imported & CLOCKS
    libraries = {name.partition(".")[0] for name in imported} - {"pin_exporter"}
    assert libraries <= set(sys.stdlib_module_names)
    for node in ast.walk(TREES[module]):
        assert not isinstance(node, ast.Await | ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            assert node.func.attr not in CLOCK_READINGS


def test_the_command_line_starts_without_what_only_some_commands_need() -> None:
    body = TREES["commands.cli"].body
    top = " ".join(ast.unparse(node) for node in body if isinstance(node, ast.Import | ast.ImportFrom))
    for package in ("simulator", "doctor", "once", "commands.demo"):
        assert f"pin_exporter.{package}" not in top


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = {module: ours(module) & TREES.keys() - {module} for module in TREES}
    order = list(TopologicalSorter(graph).static_order())
    assert sorted(order) == sorted(TREES)


@pytest.mark.parametrize("module", TREES)
def test_every_module_says_in_one_line_what_it_is_for(module: str) -> None:
    first, *rest = (ast.get_docstring(TREES[module]) or "").splitlines()
    assert first.endswith((".", ":"))
    assert rest[:1] in ([], [""])


def test_no_folder_has_more_modules_than_a_reader_can_survey() -> None:
    folders = Counter(path.parent for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")
    assert {folder.name: count for folder, count in folders.items() if count > MAX_MODULES} == {}
