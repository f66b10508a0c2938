"""Check that a tag can be released and print its release notes: `make release-notes TAG=v1.2.3`."""

import re
import sys
from typing import Final

import yaml

from dev.project import ROOT
from pin_exporter import __version__

_TAG: Final = re.compile(r"v(\d+\.\d+\.\d+)")


class ReleaseError(Exception):
    """The tag cannot be released; the message is one line."""


def check_versions(tag: str, package: str, chart: dict[str, str]) -> str:
    """Return the version of the tag; ReleaseError unless package and chart have the same."""
    match = _TAG.fullmatch(tag)
    if match is None:
        raise ReleaseError(f"{tag} is not a release tag such as v1.2.3")
    versions = {
        "the package": package,
        "the chart": chart["version"],
        "the chart's application": chart["appVersion"],
    }
    if others := [f"{name} is {version}" for name, version in versions.items() if version != match[1]]:
        raise ReleaseError(
            f"the tag is {tag}, but {' and '.join(others)}: set __version__ and run make chart"
        )
    return match[1]


def release_notes(changelog: str, version: str) -> str:
    """Return a version's section of the changelog without its heading; ReleaseError if missing or empty."""
    section = re.search(
        rf"^## {re.escape(version)}(?: [^\n]*)?\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL
    )
    notes = section[1].strip() if section else ""
    if not notes:
        raise ReleaseError(f"CHANGELOG.md has no section for {version}: rename the section Unreleased")
    return f"{notes}\n"


def main(tag: str) -> None:
    """Print the release notes, or exit with an error."""
    chart = yaml.safe_load((ROOT / "helm/pin-exporter/Chart.yaml").read_text(encoding="utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    try:
        sys.stdout.write(release_notes(changelog, check_versions(tag, __version__, chart)))
    except ReleaseError as error:
        sys.exit(f"release: {error}")


if __name__ == "__main__":
    main(sys.argv[1])
