"""Holds the package against its own architecture: who may import what, and what the core may not do."""

import ast
import re
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

import pin_exporter

PACKAGE = Path(pin_exporter.__file__).parent
CORE = (
    "attention",
    "cadence",
    "detail",
    "distinct",
    "errors",
    "evidence",
    "model",
    "notices",
    "quantities",
    "report",
    "report_parts",
    "runbooks",
    "shard",
    "shown",
    "snapshot",
    "traffic",
    "tally",
    "walk",
    "words",
)
DOCTORS_SHELL = ("asking", "command", "examination", "network")
"""What asks and waits; all else in the doctor draws conclusions."""
LAZY = ("simulator", "demo", "doctor", "once")
LONGEST = 210
CLOCKS = {"time", "asyncio", "sched", "signal", "threading", "pin_exporter.toolkit.clock"}
CLOCK_READINGS = {"now", "utcnow", "today", "time", "monotonic", "perf_counter"}


class Import(NamedTuple):
    module: str
    name: str | None


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


TREES = {module_of(path): ast.parse(path.read_text("utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
SIMULATOR = {module for module in TREES if module.startswith("pin_exporter.simulator")}
DOCTOR = {module for module in TREES if module.startswith("pin_exporter.doctor")}
EXPORTER = TREES.keys() - SIMULATOR


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """Walk over what runs: everything but `if TYPE_CHECKING:`."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from statements(child)


def imports_of(module: str) -> set[Import]:
    found: set[Import] = set()
    for node in statements(TREES[module]):
        if isinstance(node, ast.Import):
            found |= {Import(alias.name, None) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            assert node.module is not None
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                found.add(Import(submodule, None) if submodule in TREES else Import(node.module, alias.name))
    return found


def modules_imported_by(module: str) -> set[str]:
    return {imported.module for imported in imports_of(module)}


def importers_of(package: str) -> set[str]:
    return {
        module
        for module in TREES
        if any(f"{imported}.".startswith(f"{package}.") for imported in modules_imported_by(module))
    }


def imports_at_the_top_of(module: str) -> list[str]:
    """Return the statements that are run with the import of a module."""
    body = TREES[module].body
    return [ast.unparse(node) for node in body if isinstance(node, ast.Import | ast.ImportFrom)]


def named(*names: str) -> set[str]:
    return {f"pin_exporter.{name}" for name in names}


def test_the_modules_that_the_rules_name_exist() -> None:
    assert (
        named(*CORE, "api", "cli", "demo", "simulator", "load_settings", "settings", "clock") <= TREES.keys()
    )


@pytest.mark.parametrize("module", CORE)
def test_the_core_imports_only_the_core_and_the_standard_library(module: str) -> None:
    imported = modules_imported_by(f"pin_exporter.{module}")
    own = {name for name in imported if name.startswith("pin_exporter")}
    assert own <= named(*CORE)
    assert {name.partition(".")[0] for name in imported - own} <= sys.stdlib_module_names


@pytest.mark.parametrize("module", CORE)
def test_the_core_neither_waits_nor_reads_a_clock(module: str) -> None:
    assert not modules_imported_by(f"pin_exporter.{module}") & CLOCKS
    for node in ast.walk(TREES[f"pin_exporter.{module}"]):
        assert not isinstance(node, ast.Await | ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            assert node.func.attr not in CLOCK_READINGS


def test_only_api_and_what_it_is_made_of_know_the_http_library() -> None:
    assert importers_of("httpx") == named(
        "api", "http_clients", "http_pool", "http_surplus", "transport_errors"
    )


def test_the_doctors_conclusions_neither_wait_nor_read_a_clock() -> None:
    shell = named(*(f"doctor.{name}" for name in DOCTORS_SHELL))
    assert shell < DOCTOR
    for module in DOCTOR - shell:
        assert not modules_imported_by(module) & (CLOCKS | shell | named("api", "settings"))
        assert not [node for node in ast.walk(TREES[module]) if isinstance(node, ast.Await)]


def test_only_the_command_line_knows_the_doctor() -> None:
    assert importers_of("pin_exporter.doctor") - DOCTOR == named("cli")


def test_only_the_command_line_knows_what_polls_once() -> None:
    once = {module for module in TREES if module.startswith("pin_exporter.once")}
    assert importers_of("pin_exporter.once") - once == named("cli")


@pytest.mark.parametrize("module", ["gap", "result", "table"])
def test_what_writes_down_a_single_poll_neither_waits_nor_reads_a_clock(module: str) -> None:
    tree = TREES[f"pin_exporter.once.{module}"]
    assert not modules_imported_by(f"pin_exporter.once.{module}") & CLOCKS
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Await | ast.AsyncFunctionDef)]


def test_only_the_progress_bar_knows_its_library_and_only_while_it_is_shown() -> None:
    assert importers_of("tqdm") == named("once.progress")
    assert not [line for line in imports_at_the_top_of("pin_exporter.once.progress") if "tqdm" in line]


def test_only_decode_and_the_simulator_know_the_json_library() -> None:
    assert importers_of("msgspec") & EXPORTER == named("decode")


def test_only_the_renderers_know_the_metrics_library() -> None:
    assert importers_of("prometheus_client") == named("exposition", "families", "lines", "process_metrics")


def test_only_those_who_serve_know_the_server_library() -> None:
    assert importers_of("uvicorn") & EXPORTER == named("connections", "server")


def test_only_one_module_checks_passwords() -> None:
    assert importers_of("bcrypt") == named("web_passwords")


def test_only_the_pages_know_the_template_library() -> None:
    assert importers_of("jinja2") | importers_of("markupsafe") == named("pages")


def test_what_is_reported_knows_nothing_of_how_it_is_shown() -> None:
    for module in ("report", "report_parts", "notices", "detail"):
        assert not modules_imported_by(f"pin_exporter.{module}") & named("pages", "status", "web")


def test_only_their_flags_and_what_loads_and_checks_them_see_the_whole_settings() -> None:
    whole = Import("pin_exporter.config.settings", "Settings")
    assert {module for module in TREES if whole in imports_of(module)} == named(
        "accounts", "configured", "flags", "load_settings", "setting_checks", "setting_names"
    )
    assert not {
        module for module in TREES if Import("pin_exporter.config.settings", None) in imports_of(module)
    }


def test_only_the_demo_and_cli_import_the_simulator() -> None:
    assert importers_of("pin_exporter.simulator") & EXPORTER == named("demo", "cli")


def test_the_simulator_knows_nothing_of_the_exporter() -> None:
    imported = {name for module in SIMULATOR for name in modules_imported_by(module)}
    assert {name for name in imported if name.startswith("pin_exporter")} <= SIMULATOR


def test_cli_imports_what_few_want_only_where_it_is_wanted() -> None:
    imported = imports_at_the_top_of("pin_exporter.commands.cli")
    assert imported
    assert not [line for line in imported if set(re.findall(r"\w+", line)) & set(LAZY)]


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = {module: modules_imported_by(module) & TREES.keys() for module in TREES}
    order = list(TopologicalSorter(graph).static_order())
    assert sorted(order) == sorted(TREES)


@pytest.mark.parametrize("module", TREES)
def test_every_module_says_in_one_line_what_it_is_for(module: str) -> None:
    first, *rest = (ast.get_docstring(TREES[module]) or "").splitlines()
    assert first.endswith((".", ":"))
    assert rest[:1] in ([], [""])


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=module_of)
def test_no_module_is_too_long_to_be_read_in_one_go(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= LONGEST
