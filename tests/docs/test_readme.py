import re
from pathlib import Path

import pytest

from dev.project import ROOT
from pin_exporter.simulator.presets import demo_accounts


def anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub makes of a document's headings."""
    prose = re.sub(
        r"^ *```.*?^ *```$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    "document",
    sorted(
        path.relative_to(ROOT).as_posix()
        for pattern in ("*.md", "docs/**/*.md", "grafana/**/*.md", "dev/*.md", "dev/*/README.md")
        for path in ROOT.glob(pattern)
    ),
)
def test_every_link_within_the_project_leads_somewhere(document: str) -> None:
    path = ROOT / document
    links = re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", path.read_text(encoding="utf-8"))
    for target, anchor in links:
        linked = path.parent / target if target else path
        assert linked.exists(), f"{document} links to {target}"
        assert not anchor or anchor in anchors(linked), f"{document} links to {target}#{anchor}"


def test_the_sample_output_is_what_the_demo_shows_at_its_start() -> None:
    truths = {account.name: account.truth() for account in demo_accounts()}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    samples = re.findall(
        r'^aiozpin_(files|size_bytes|pins)\{account="([^"]+)"(.*)\} (\S+)$', readme, re.MULTILINE
    )
    assert {name for name, *_ in samples} == {"files", "size_bytes", "pins"}
    for name, account, labels, value in samples:
        truth = truths[account]
        if name == "pins":
            status = re.search(r'status="([^"]+)"', labels)
            assert status
            assert truth.statuses()[status[1]].files == float(value), labels
        else:
            assert getattr(truth, name) == float(value), name
