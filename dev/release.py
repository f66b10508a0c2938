"""Hold a tag against what it releases: `python -m dev.release v1.2.3` prints its part of the changelog."""

import re
import sys
from pathlib import Path
from typing import Final

import yaml

from pin_exporter import __version__

ROOT: Final = Path(__file__).parent.parent
_TAG: Final = re.compile(r"v(\d+\.\d+\.\d+)")


class ReleaseError(Exception):
    """The tag cannot be released; the text says why in one line."""


def check_versions(tag: str, package: str, chart: dict[str, str]) -> str:
    """Return the version that a tag, the package and the chart have in common.

    Raises:
        ReleaseError: they have none.
    """
    match = _TAG.fullmatch(tag)
    if match is None:
        raise ReleaseError(f"{tag} is no tag of a release, such as v1.2.3")
    told = {
        "the package": package,
        "the chart": chart["version"],
        "the chart's application": chart["appVersion"],
    }
    if others := [f"{name} is {version}" for name, version in told.items() if version != match[1]]:
        raise ReleaseError(
            f"the tag is {tag}, but {' and '.join(others)}: set __version__, and run make chart"
        )
    return match[1]


def release_notes(changelog: str, version: str) -> str:
    """Return the section about a version, without its heading.

    Raises:
        ReleaseError: there is none, or nothing in it.
    """
    section = re.search(
        rf"^## {re.escape(version)}(?: [^\n]*)?\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL
    )
    notes = section[1].strip() if section else ""
    if not notes:
        raise ReleaseError(f"CHANGELOG.md says nothing about {version}: rename its section Unreleased")
    return f"{notes}\n"


def main(tag: str) -> None:
    """Print the notes of a release, or exit with what keeps it from being one."""
    chart = yaml.safe_load((ROOT / "helm/pin-exporter/Chart.yaml").read_text(encoding="utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    try:
        sys.stdout.write(release_notes(changelog, check_versions(tag, __version__, chart)))
    except ReleaseError as error:
        sys.exit(f"release: {error}")


if __name__ == "__main__":
    main(sys.argv[1])
