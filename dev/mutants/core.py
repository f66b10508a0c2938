"""Check that the tests of the package's core catch mistakes: `make mutants-core`.

Makes small mistakes in the core modules, one at a time, each in a copy of the tree, and runs the tests of the
module's package. Mistakes that no test catches are printed. Those that change no behavior are listed in
`equivalent.txt`, by the text that is printed here.
"""

import argparse
import ast
import copy
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Final, NamedTuple

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
TIMEOUT_SECONDS: Final = 300
_EQUIVALENT: Final = Path(__file__).with_name("equivalent.txt")
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
    """One mistake: the module, without `.py`; the line; what became of what; the whole mutated text."""

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
            for statement in function.body:
                yield from _mistakes_in(
                    statement, function, "body", function.body.index(statement), tree, module
                )


def _mistakes_in(
    node: ast.AST, parent: ast.AST, field: str, place: int | None, tree: ast.Module, module: str
) -> Iterator[Mistake]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Raise | ast.Assert) or _logs(node):
        return  # functions within functions are visited by themselves; messages are not behaviour
    for variant in variants(node):
        line = getattr(node, "lineno", getattr(parent, "lineno", 0))
        before = ast.unparse(node).partition("\n")[0]
        _put(parent, field, place, ast.copy_location(variant, parent))
        changed = ast.unparse(ast.fix_missing_locations(tree))
        after = ast.unparse(variant).partition("\n")[0]
        _put(parent, field, place, node)
        yield Mistake(module, line, f"{before} -> {after}", changed)
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list"}:
            continue
        if isinstance(value, list):
            for index, child in enumerate(value):
                if isinstance(child, ast.AST):
                    yield from _mistakes_in(child, node, name, index, tree, module)
        elif isinstance(value, ast.AST):
            yield from _mistakes_in(value, node, name, None, tree, module)


def _put(parent: ast.AST, field: str, place: int | None, node: ast.AST) -> None:
    if place is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[place] = node


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


def is_caught(mistake: Mistake | None, tree: Path, tests: Sequence[str]) -> bool:
    """Return whether the tests fail in a copy of the tree with the mistake."""
    if mistake is not None:
        path = tree / "pin_exporter" / f"{mistake.module}.py"
        right = path.read_text(encoding="utf-8")
        path.write_text(mistake.text, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "--no-header",
        "-p",
        "no:cacheprovider",
        "-m",
        "not slow",
    ]
    try:
        ran = subprocess.run(
            [*command, *tests], cwd=tree, capture_output=True, timeout=TIMEOUT_SECONDS, check=False
        )
        return ran.returncode != 0
    except subprocess.TimeoutExpired:
        return True
    finally:
        if mistake is not None:
            path.write_text(right, encoding="utf-8")


def tests_of(module: str) -> list[str]:
    """Return the tests of a module: its own first, then those of its package."""
    folder = Path("tests", module).parent
    own = folder / f"test_{Path(module).name}.py"
    return [str(path) for path in (own, folder) if (ROOT / path).exists()]


def main() -> int:
    """Return 0 if every mistake of the sample that is not equivalent is caught by 95 % or more."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=1_000, help="number of mistakes (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--modules", nargs="*", help="only these, such as inventory/walk")
    options = parser.parse_args()
    every = [mistake for module in options.modules or core_modules() for mistake in mistakes(module)]
    sample = random.Random(options.seed).sample(every, min(options.sample, len(every)))
    equivalent = set(_EQUIVALENT.read_text(encoding="utf-8").splitlines()) if _EQUIVALENT.exists() else set()
    sample = [mistake for mistake in sample if str(mistake) not in equivalent]
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(options.jobs) as pool:
        trees: SimpleQueue[Path] = SimpleQueue()
        for number in range(options.jobs):
            trees.put(copy_tree(Path(name) / str(number)))

        def judge(mistake: Mistake) -> bool:
            tree = trees.get()
            try:
                caught = is_caught(mistake, tree, tests_of(mistake.module))
            finally:
                trees.put(tree)
            if not caught:
                print(f"NOT CAUGHT pin_exporter/{mistake.module}.py:{mistake.line}: {mistake}", flush=True)
            return caught

        caught = sum(pool.map(judge, sorted(sample)))
    share = caught / len(sample) if sample else 1.0
    print(f"{caught} of {len(sample)} mistakes caught ({share:.1%}), of {len(every)} possible")
    return 0 if share >= 0.95 else 1


if __name__ == "__main__":
    sys.exit(main())
