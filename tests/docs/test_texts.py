"""What holds for all texts of the repository."""

import re
import subprocess

from dev.project import ROOT
from tests.support.tools import require_tool

CONFLICT_MARK = re.compile(r"^(?:<{7}|\|{7}|={7}|>{7})(?: .*)?$", re.MULTILINE)
DECIMAL_SIZE = re.compile(r"(?<!per )\b(?:\d+(?:\.\d+)? ?)?[KMGTP]B\b")
OTHER_WORDS = re.compile(r"out of (?:funds|money)|pending pins|lost pins", re.IGNORECASE)


def texts(*patterns: str) -> dict[str, str]:
    """Return the text files under version control."""
    git = require_tool("git", "git")
    command = [git, "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    contents = {name: (ROOT / name).read_bytes() for name in listed if (ROOT / name).is_file()}
    return {name: content.decode() for name, content in contents.items() if b"\0" not in content}


def test_no_file_has_the_marks_of_a_conflict() -> None:
    assert CONFLICT_MARK.search("a\n" + "<" * 7 + " HEAD\n")
    every = texts()
    assert {"README.md", "pin_exporter/status/templates/account.html"} <= every.keys()
    assert [name for name, text in every.items() if CONFLICT_MARK.search(text)] == []


def test_sizes_have_iec_units_and_things_the_names_of_the_metrics() -> None:
    for_users = texts(
        "*.md",
        "docs/*",
        "dev/grafana/*",
        "helm/*.yaml",
        "helm/*.txt",
        "pin_exporter/status/*",
        "pin_exporter/once/*",
    )
    assert len(for_users) > 50
    decimal = {name: found for name, text in for_users.items() if (found := DECIMAL_SIZE.findall(text))}
    assert decimal == {}, "write KiB, MiB, GiB or TiB"
    other = {name: found for name, text in for_users.items() if (found := OTHER_WORDS.findall(text))}
    assert other == {}, "write in progress, failed, removed, or balance exhausted"
