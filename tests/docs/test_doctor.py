import ast
import re
from pathlib import Path

import pin_exporter.doctor
from pin_exporter.doctor.asking import MAX_TIMEOUT_SECONDS
from pin_exporter.doctor.examination import MAX_SECONDS
from pin_exporter.doctor.plan import MAX_REQUESTS

DOCUMENT = (Path(__file__).parent.parent.parent / "docs/doctor.md").read_text()
MAKERS = {"ok", "note", "problem"}


def checks_in_code() -> set[str]:
    trees = [ast.parse(path.read_text()) for path in Path(pin_exporter.doctor.__path__[0]).glob("*.py")]
    return {
        ast.literal_eval(node.args[0])
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MAKERS
    }


def test_every_finding_is_in_the_table_and_no_other() -> None:
    table = DOCUMENT.partition("| finding |")[2].partition("\n\n")[0]
    named = [
        name
        for row in re.findall(r"^\| (.+?) \|", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    ]

    assert len(named) == len(set(named))
    assert set(named) == checks_in_code()


def test_the_example_shows_findings_that_there_are() -> None:
    (example,) = re.findall(r"^```\n(account .*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    shown = re.findall(r"^  (?:ok|note|problem) +(\w+) ", example, re.MULTILINE)

    assert len(shown) > 20
    assert set(shown) <= checks_in_code()


def test_the_bounds_are_those_of_the_code() -> None:
    prose = re.sub(r"\s+", " ", DOCUMENT)

    for bound in (
        f"at most {MAX_REQUESTS} requests",
        f"at most {MAX_TIMEOUT_SECONDS:g} s",
        f"After {MAX_SECONDS:g} s",
    ):
        assert bound in prose
