import re
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from coloraide import Color
from hypothesis import given
from hypothesis import strategies as st

from dev.grafana.colors import PHASE_COLORS
from dev.project import ROOT
from pin_exporter.api.model import Collector, Phase
from pin_exporter.inventory.counter import PinTotals
from pin_exporter.inventory.problem_pins import ProblemPin, ProblemPins
from pin_exporter.polling.snapshot import AccountSnapshot, PollRecord
from pin_exporter.simulator.listing import HOSTILE_NAMES
from pin_exporter.status.account import account_details
from pin_exporter.status.pages import Pages, bar_widths, style_sheet
from pin_exporter.status.report import Now, report
from pin_exporter.toolkit.display_text import pieces
from tests.support.documents import Document
from tests.support.samples import COUNTED, FULL, INVENTORY, NOW_ELAPSED, UNTRIED

NOW = Now(NOW_ELAPSED, 1_750_000_010.5)
ELEMENTS = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "link",
        "body",
        "header",
        "main",
        "footer",
        "nav",
        "section",
        "h1",
        "h2",
        "h3",
    ),
    *("p", "ul", "li", "a", "strong", "small", "span", "bdi", "time", "div", "br", "code", "dl", "dt", "dd"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td", "svg", "rect"),
}
SCHEMES = ("light", "dark", "print")


def overview(*snapshots: AccountSnapshot, now: Now = NOW, note: str | None = None) -> Document:
    return Document(Pages("/metrics", note).overview(report(snapshots, now, "1.2.3")))


def account(snapshot: AccountSnapshot, now: Now = NOW) -> Document:
    return Document(Pages("/metrics").account(account_details(snapshot, now, "1.2.3")))


def holding(*names: str | None, word: str = "failed") -> AccountSnapshot:
    """Return an account whose failed pins have these names, as their CID and status too."""
    pins = tuple(ProblemPin(f"id{name}", name, name, name, 1e15, None) for name in names)
    by_status = {("failed", Phase.FAILED): PinTotals(60, 0), (word, Phase.UNKNOWN): PinTotals(1, 0)}
    inventory = replace(INVENTORY, by_status=by_status, problem_pins=ProblemPins(pins, pins, pins))
    return replace(FULL, counted=replace(COUNTED, inventory=inventory))


FAILING = replace(
    FULL.with_record(Collector.TOTALS, PollRecord(1e9, 1.5, 2, None, "tls", "<i>what \u202e happened")),
    health=dict.fromkeys(Collector, FULL.health[Collector.TOTALS].failed("tls", "<i>what \u202e happened")),
)


@pytest.mark.parametrize("snapshot", [FULL, UNTRIED, FAILING, holding(*HOSTILE_NAMES, None, word="<b>")])
@pytest.mark.parametrize("elapsed", [NOW_ELAPSED, 99_999.0])
def test_a_page_has_only_its_own_elements(snapshot: AccountSnapshot, elapsed: float) -> None:
    now = Now(elapsed, NOW.wall)
    for page in (overview(snapshot, UNTRIED, now=now), account(snapshot, now)):
        assert page.tags <= ELEMENTS
        assert not [given for _, given in page.elements if given.keys() & {"style", "onerror", "src"}]
        assert page.attributes("html", "lang") == ["en"]
        assert "width=device-width" in "".join(page.attributes("meta", "content"))


@pytest.mark.parametrize("name", [name for name in HOSTILE_NAMES if name])
def test_a_name_is_shown_as_isolated_text(name: str) -> None:
    text = Pages("/metrics").account(account_details(holding(name), NOW, ""))
    first = re.findall(r'class="name"><bdi>(.*?)</bdi></th>', text)[0]
    expected = tuple(pieces(name))
    assert Document(f"<p>{first}</p>").text == "".join(piece.text for piece in expected)
    assert first.count('class="escape"') == sum(piece.is_escape for piece in expected)
    assert "\u202e" not in text
    assert "\x00" not in text


BARE = replace(
    FULL,
    counted=replace(
        COUNTED,
        inventory=replace(
            INVENTORY,
            by_status={("failed", Phase.FAILED): PinTotals(1, 0)},
            problem_pins=ProblemPins((ProblemPin("the-id", None, None, None, None, None),)),
        ),
    ),
)


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (overview(), "No accounts"),
        (overview(FULL), "archive warning up 10"),
        (overview(FULL), "4 pinned 2 in progress 1 unknown"),
        (overview(UNTRIED), "website info down no data"),
        (overview(FULL, UNTRIED), "Problems in 2 of 2 accounts, most serious first. warning"),
        (overview(FULL, note="a <note>"), "a <note> Accounts"),
        (overview(FAILING), "<i>what \\u202e happened"),
        (account(FAILING), "<i>what \\u202e happened"),
        (account(holding(word="<b>\u200f")), "<b>\\u200f"),
        (account(FULL), "Up yes"),
        (account(FULL), "pinned 4 57.1 %"),
        (account(FULL), "381 MiB 400,005,120 bytes"),
        (account(UNTRIED), "Up no"),
        (account(BARE), "no name no CID the-id none no date no size"),
    ],
)
def test_a_page_says(page: Document, words: str) -> None:
    assert words in page.words


def test_stale_numbers_are_nowhere_on_the_page() -> None:
    now = Now(99_999.0, NOW.wall)
    for page in (overview(FULL, now=now), account(FULL, now)):
        assert "400," not in page.text
        assert "381 MiB" not in page.text
        assert "no data" in page.words
        assert "1 d 3 h ago" in page.words
    assert "stale, not shown" in account(FULL, now).words


def test_the_title_begins_with_what_differs() -> None:
    assert overview(FULL, UNTRIED).title == "2 of 2 accounts with problems – pin-exporter"
    assert account(FULL).title == "archive – pin-exporter"


def test_links_are_relative() -> None:
    page = overview(FAILING)
    assert "./accounts/archive" in page.links
    assert "./metrics" in page.links
    assert "./runbooks/AIOZPinPollErrorsHigh" in page.links
    assert "./runbooks/README" in page.links
    inner = account(FAILING)
    assert {"../", "../metrics", "../-/ready"} <= set(inner.links)
    assert inner.attributes("link", "href") == ["../favicon.ico", "../style.css"]
    for link in (*page.links, *inner.links):
        assert link.startswith(("./", "../", "?format=json", "#")), link


def test_a_runbook_is_a_page_with_links_to_others() -> None:
    pages = Pages("/metrics", "a note")
    page = Document(pages.runbook("AIOZPinThrottled") or "")
    assert page.title == "AIOZPinThrottled – pin-exporter"
    assert page.tags <= ELEMENTS | {"pre"}
    assert {"../", "README", "AIOZPinDataStale", "../-/ready"} <= set(page.links)
    assert not any("json" in link or link.endswith(".md") for link in page.links)
    assert 'rate(aiozpin_api_requests_total{account="NAME"}[10m])\n' in page.text
    assert "2. How many do all exporters make" in page.words
    assert "a note AIOZPinThrottled" in page.words.replace("All accounts ", "")
    assert page.attributes("header", "class") == ["note"], "everything is in a landmark"
    assert pages.runbook("AIOZPinNone") is None


@pytest.mark.parametrize("snapshot", [FULL, UNTRIED, holding("x")])
def test_headings_descend_by_one_and_columns_have_heads(snapshot: AccountSnapshot) -> None:
    for page in (overview(snapshot), account(snapshot)):
        levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h\d", tag)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(later <= earlier + 1 for earlier, later in pairwise(levels))
        heads = [given for tag, given in page.elements if tag == "th"]
        assert all(given.get("scope") in ("col", "row") for given in heads)
        ids = [given["id"] for _, given in page.elements if "id" in given]
        assert len(set(ids)) == len(ids)
        for tag in ("section", "table"):
            assert set(page.attributes(tag, "aria-labelledby")) <= set(ids)


def test_the_bar_shows_the_phases_of_the_text_beside_it() -> None:
    rectangles = [given for tag, given in overview(FULL).elements if tag == "rect"][:3]
    assert [each["class"] for each in rectangles] == ["pinned", "in_progress", "unknown"]
    assert sum(float(each["width"] or 0) for each in rectangles) == pytest.approx(100, abs=0.01)


def colors(scheme: str) -> dict[str, str]:
    """Return the style sheet's colors in a scheme."""
    blocks = re.findall(r"^ *:root \{(.*?)\}", style_sheet(), re.DOTALL | re.MULTILINE)
    light, dark, printed = (dict(re.findall(r"--(\w+): (#\w{6});", block)) for block in blocks)
    return {**light, **{"light": {}, "dark": dark, "print": printed}[scheme]}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_text_and_the_bar_with_the_colors_of_the_dashboard_have_enough_contrast(scheme: str) -> None:
    found = colors(scheme)
    for text in ("text", "quiet", "link", "critical", "warning", "info", "ok"):
        for ground in ("page", "raised"):
            assert Color(found[text]).contrast(found[ground]) >= 4.5, text
    for phase in Phase:
        assert found[phase] == PHASE_COLORS[phase]
        assert Color(found[phase]).contrast(found["page"]) >= 3, phase


def test_each_color_is_defined_once_and_used() -> None:
    sheet = style_sheet()
    used = set(re.findall(r"var\(--(\w+)\)", sheet))
    assert used == colors("light").keys()
    assert not re.search(r"#\w{3,8}\b(?!;)|rgb|hsl|url\(|@import", sheet)


def test_the_wheel_has_templates_and_runbooks_and_the_source_distribution_no_tests(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", f"--directory={tmp_path}"]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,), (source,) = tmp_path.glob("*.whl"), tmp_path.glob("*.tar.gz")
    folders = [ROOT / "pin_exporter/status" / name for name in ("templates", "runbook_texts")]
    shipped = {path.relative_to(ROOT).as_posix() for folder in folders for path in folder.iterdir()}
    assert len(shipped) > 20
    with zipfile.ZipFile(wheel) as archive:
        assert shipped <= set(archive.namelist())
        name = "pin_exporter/status/runbook_texts/README.md"
        assert archive.read(name) == (ROOT / "docs/runbooks/README.md").read_bytes()
    with tarfile.open(source) as archive:
        names = {member.name.partition("/")[2] for member in archive if member.isfile()}
    assert shipped <= names
    beside = {name for name in names if not name.startswith("pin_exporter/")}
    assert beside - {".gitignore", "PKG-INFO"} == {"CHANGELOG.md", "LICENSE", "README.md", "pyproject.toml"}


@given(st.lists(st.integers(0, 10**6), min_size=5, max_size=5))
def test_a_bar_is_full_and_its_parts_can_be_seen(pins: list[int]) -> None:
    total = sum(pins)
    widths = bar_widths(number / total if total else 0.0 for number in pins)
    for number, width in zip(pins, widths, strict=True):
        assert width == 0 if number == 0 else width > 0.9
    assert sum(widths) == pytest.approx(100 if total else 0)
