"""Check that the tests of the package's core catch mistakes: `make mutants-core`.

Makes small mistakes in the functions of the core modules, one at a time, and runs the tests of the module.
Mistakes that no test catches are printed. Those that change no behavior are listed in `equivalent.txt`, by
the text that is printed here. The result over all modules is written to `core.md`.
"""

import argparse
import ast
import copy
import importlib
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NamedTuple

import pytest
from hypothesis import Phase, settings

from dev.mutants.tree import copy_tree
from dev.project import ROOT

PACKAGES: Final = ("inventory", "polling", "metrics")
MODULES: Final = (
    "api/body",
    "api/credentials",
    "api/decode",
    "api/rate_limit",
    "api/request_stats",
    "api/retry",
    "api/status_errors",
    "toolkit/exposition/encoder",
    "toolkit/exposition/negotiation",
    "toolkit/exposition/renderer",
    "toolkit/exposition/single_flight",
)
"""Further core modules, beside all of PACKAGES."""
REQUIRED_SHARE: Final = 0.95
_EQUIVALENT: Final = Path(__file__).with_name("equivalent.txt")
_RESULTS: Final = Path(__file__).with_name("core.md")
_WARM: Final = ("httpx", "msgspec", "prometheus_client.openmetrics.parser", "pydantic_settings", "respx")
"""Libraries imported once for all runs."""
_COMPARISONS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_ARITHMETIC: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
}


class Mistake(NamedTuple):
    """One mistake: the module, without `.py`; line and change of a statement; the mutated text."""

    module: str
    line: int
    change: str
    text: str

    def __str__(self) -> str:
        return f"{self.module}: {self.change}"


def variants(node: ast.AST) -> Iterator[ast.AST]:  # noqa: C901 - a table, in the form of a function
    """Yield what a node may become by mistake, its children aside."""
    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            operators = [*node.ops]
            operators[place] = _COMPARISONS[type(operator)]()
            yield ast.Compare(node.left, operators, node.comparators)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand
    elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in _ARITHMETIC:
        changed = copy.copy(node)
        changed.op = _ARITHMETIC[type(node.op)]()
        yield changed
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield ast.Constant(node.value + 1)
    elif isinstance(node, ast.IfExp):
        yield ast.IfExp(node.test, node.orelse, node.body)
    elif isinstance(node, ast.Return) and node.value is not None:
        yield ast.Return(ast.Constant(None))
    elif isinstance(node, ast.Break | ast.Continue):
        yield ast.Continue() if isinstance(node, ast.Break) else ast.Break()
    if isinstance(node, ast.Assign | ast.AugAssign) or (
        isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)
    ):
        yield ast.Pass()


def mistakes(module: str) -> Iterator[Mistake]:
    """Yield every mistake in the functions of a module."""
    tree = ast.parse((ROOT / "pin_exporter" / f"{module}.py").read_text(encoding="utf-8"))
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for place, statement in enumerate(function.body):
                for line, change in _mistakes_in(statement, function.body, place, statement):
                    text = ast.unparse(ast.fix_missing_locations(tree))
                    yield Mistake(module, line, f"{function.name}: {change}", text)


def _mistakes_in(
    node: ast.AST, fields: Any, field: int | str, statement: ast.stmt
) -> Iterator[tuple[int, str]]:
    """Make each mistake below a node, one after the other; yield the line and the change of the statement."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Raise | ast.Assert) or _logs(node):
        return  # functions within functions are visited by themselves; messages are not behavior
    if isinstance(node, ast.stmt):
        statement = node
    for variant in variants(node):
        before = _first_line(statement)
        fields[field] = ast.copy_location(variant, node)
        after = _first_line(variant if node is statement else statement)
        yield statement.lineno, f"{before} -> {after}"
        fields[field] = node
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list"}:
            continue
        if isinstance(value, list):
            for index, child in enumerate(value):
                if isinstance(child, ast.AST):
                    yield from _mistakes_in(child, value, index, statement)
        elif isinstance(value, ast.AST):
            yield from _mistakes_in(value, vars(node), name, statement)


def _first_line(statement: ast.AST) -> str:
    return ast.unparse(ast.fix_missing_locations(statement)).partition("\n")[0]


def _logs(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and ast.unparse(node.value).startswith("_log.")


def core_modules() -> Iterator[str]:
    """Yield the modules of the core, as paths without `.py`."""
    package = ROOT / "pin_exporter"
    for name in PACKAGES:
        for path in sorted((package / name).glob("*.py")):
            if path.name != "__init__.py":
                yield path.relative_to(package).with_suffix("").as_posix()
    yield from MODULES


def tests_of(module: str) -> tuple[str, ...]:
    """Return the test files of a module; those of its package if it has none."""
    own = Path("tests", module)
    files = sorted(str(path) for path in own.parent.glob(f"test_{own.name}*.py"))
    return tuple(files) or (str(own.parent),)


def _run_tests(tests: Sequence[str], mistake: Mistake | None) -> int:
    """Run tests in this process, in which nothing of the package is loaded yet, and return 0 if they pass."""
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    if mistake is not None:
        _load(mistake)
    settings.register_profile(
        "mutants",
        deadline=None,
        database=None,
        derandomize=True,  # every run tries the same examples
        max_examples=20,
        phases=[Phase.explicit, Phase.generate],  # a failure needs no smaller example
    )
    flags = [
        "-x",
        "-m",
        "not slow",
        "--hypothesis-profile=mutants",
        "--tb=no",
        "-W",
        "ignore::pytest.PytestAssertRewriteWarning",
    ]
    without = [flag for name in ("cacheprovider", "xdist", "anyio") for flag in ("-p", f"no:{name}")]
    return pytest.main([*flags, *without, *tests])


def _load(mistake: Mistake) -> None:
    """Import the mutated module in place of the right one."""
    package, _, name = f"pin_exporter.{mistake.module.replace('/', '.')}".rpartition(".")
    path = f"pin_exporter/{mistake.module}.py"
    parent, module = importlib.import_module(package), ModuleType(f"{package}.{name}")
    vars(module).update(__file__=path, __package__=package)
    sys.modules[module.__name__] = module
    setattr(parent, name, module)
    exec(compile(mistake.text, path, "exec"), vars(module))  # noqa: S102


def _start(tests: Sequence[str], mistake: Mistake | None = None, seconds: float = 0.0) -> int:
    """Run tests in a copy of this process, for so many seconds at most, and return its id."""
    process = os.fork()
    if process == 0:
        status = 1
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            status = _run_tests(tests, mistake)
        finally:
            os._exit(status)
    return process


def survivors(sample: Sequence[Mistake], jobs: int) -> Iterator[Mistake]:
    """Yield the mistakes that no test catches."""
    limits: dict[str, float] = {}
    for module in {mistake.module for mistake in sample}:
        began = time.monotonic()
        if os.waitpid(_start(tests_of(module)), 0)[1]:
            raise SystemExit(f"the tests of {module} fail without a mistake")
        limits[module] = 10 + 3 * (time.monotonic() - began)
    running: dict[int, Mistake] = {}
    for mistake in [*sample, *[None] * jobs]:
        if len(running) == jobs or (mistake is None and running):
            process, status = os.wait()
            finished = running.pop(process)
            if status == 0:
                yield finished
        if mistake is not None:
            process = _start(tests_of(mistake.module), mistake, limits[mistake.module])
            running[process] = mistake


def main() -> int:
    """Return 0 if enough of the sample's mistakes that are not equivalent are caught."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=1_000, help="number of mistakes (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--modules", nargs="*", help="only these, such as inventory/walk")
    options = parser.parse_args()
    every = [mistake for module in options.modules or core_modules() for mistake in mistakes(module)]
    sample = sorted(random.Random(options.seed).sample(every, min(options.sample, len(every))))
    known = set(_EQUIVALENT.read_text(encoding="utf-8").splitlines())
    tried = [mistake for mistake in sample if str(mistake) not in known]
    for name in _WARM:
        importlib.import_module(name)
    missed: list[Mistake] = []
    with tempfile.TemporaryDirectory() as name:
        os.chdir(copy_tree(Path(name)))
        sys.path[0] = name
        for mistake in survivors(tried, options.jobs):
            print(f"NOT CAUGHT pin_exporter/{mistake.module}.py:{mistake.line}: {mistake}", flush=True)
            missed.append(mistake)
        os.chdir(ROOT)
    caught = len(tried) - len(missed)
    score = f"{caught} of {len(tried)} mistakes are caught ({caught / max(1, len(tried)):.1%})."
    print(score)
    if not options.modules:
        _RESULTS.write_text(_result(options, every, sample, tried, missed) + score + "\n", encoding="utf-8")
    return 0 if caught >= REQUIRED_SHARE * len(tried) else 1


def _result(
    options: argparse.Namespace,
    every: Sequence[Mistake],
    sample: Sequence[Mistake],
    tried: Sequence[Mistake],
    missed: Sequence[Mistake],
) -> str:
    """Return the table for `core.md`."""
    columns = [Counter(mistake.module for mistake in group) for group in (every, sample, tried, missed)]
    rows = []
    for module in columns[0]:
        possible, sampled, judged, lost = (column[module] for column in columns)
        rows.append(
            f"| `{module}` | {possible} | {sampled} | {sampled - judged} | {judged - lost} | {lost} |"
        )
    return "\n".join(
        [
            "# Mutation tests of the core",
            "",
            f"A random sample of {len(sample)} of {len(every)} mistakes, chosen with seed {options.seed}. "
            "Generated by `make mutants-core`.",
            "",
            "| module | possible | sampled | equivalent | caught | not caught |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
