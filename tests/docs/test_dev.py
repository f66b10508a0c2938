import re

import pytest

from dev.project import ROOT

README = (ROOT / "dev/README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def test_the_table_has_every_tool() -> None:
    tools = {path.name for path in (ROOT / "dev").iterdir() if path.is_dir() or path.suffix == ".py"}
    listed = {name.rstrip("/") for name in re.findall(r"^\| \[`([^`]+)`\]", README, re.MULTILINE)}
    assert listed == tools - {"__init__.py", "__pycache__", "project.py", "yaml_text.py"}


@pytest.mark.parametrize("target", re.findall(r"`make ([a-z-]+)", README))
def test_every_command_is_a_target(target: str) -> None:
    assert f"\n{target}: " in MAKEFILE
