"""Apply the mutants one by one and see that a test catches each: `make mutants`.

Each is applied to a copy of the tree, the files of `grafana/` are made anew, and the tests run: first those
that need no processes, then, if none has failed, those that do. The outcome is written to docs/mutants.md.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from dev.grafana.project import ROOT
from dev.mutants.mutant import Mutant
from dev.mutants.of_dashboard import DASHBOARD_MUTANTS
from dev.mutants.of_rules import RULE_MUTANTS
from dev.mutants.tree import copy_tree

MUTANTS: Final = (*DASHBOARD_MUTANTS, *RULE_MUTANTS)
_STAGES: Final = (
    [
        "tests/grafana/test_dashboard.py",
        "tests/grafana/test_colours.py",
        "tests/grafana/test_panel_answers.py",
    ],
    ["tests/grafana"],
    [
        "tests/e2e/test_dashboard_live.py",
        "tests/e2e/test_dashboard_history.py",
        "tests/e2e/test_alerts_live.py",
    ],
)
_HEAD: Final = """\
# What the tests of dashboard and rules catch

Each line is a mistake that was made in the generator on purpose, alone, and the first test that failed for
it. Made by `make mutants`, which fails when a mistake is caught by no test.

| mistake | where | caught by |
|---|---|---|
"""


def main(only: str = "") -> int:
    """Return 0 if every mutant is caught. `only` picks those whose description it is part of."""
    for mutant in MUTANTS:
        _mutated(mutant, ROOT)
    if failed := _caught_by(None):
        raise SystemExit(f"the tests fail without any mistake: {failed}")
    survivors = 0
    lines = []
    for mutant in MUTANTS:
        if only in mutant.mistake:
            caught = _caught_by(mutant)
            survivors += caught is None
            lines.append(f"| {mutant.mistake} | `{mutant.module}` | {caught or '**nothing**'} |")
            print(lines[-1], flush=True)
    if not only:
        count = f"\n{len(lines) - survivors} of {len(lines)} are caught.\n"
        (ROOT / "docs" / "mutants.md").write_text(_HEAD + "\n".join(lines) + "\n" + count, encoding="utf-8")
    return 1 if survivors else 0


def _caught_by(mutant: Mutant | None) -> str | None:
    """Return what noticed the mistake, None if nothing did."""
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name)
        copy_tree(tree)
        if mutant:
            module, text = _mutated(mutant, tree)
            module.write_text(text, encoding="utf-8")
        made = _run(tree, "dev.grafana")
        if made.returncode:
            return f"the generator: {made.stderr.strip().splitlines()[-1]}"
        for stage in _STAGES:
            tested = _run(tree, "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider", *stage)
            failed = re.search(
                r"^(?:FAILED|ERROR) (?:\S+/)?(\w+\.py)(?:::(\w+))?", tested.stdout, re.MULTILINE
            )
            if failed:
                return f"`{failed[1]}`: {(failed[2] or 'collection').replace('_', ' ')}"
            if tested.returncode:
                raise SystemExit(tested.stdout + tested.stderr)
    return None


def _mutated(mutant: Mutant, tree: Path) -> tuple[Path, str]:
    """Return the module's path and its text with the mistake."""
    module = tree / "dev" / "grafana" / mutant.module
    text = module.read_text(encoding="utf-8")
    if text.count(mutant.old) != 1:
        raise SystemExit(f"{mutant.mistake}: stands {text.count(mutant.old)} times in {mutant.module}")
    return module, text.replace(mutant.old, mutant.new)


def _run(tree: Path, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
