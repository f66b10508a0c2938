"""The status pages of a running exporter in a real browser."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from coloraide import Color

from tests.e2e.hostile import HostileServer, listing
from tests.support.browser import Browser, chromium
from tests.support.processes import RunningExporter, exporter, running, simulator, wait_for
from tests.support.service import row

# Names as the API sends them; decoding replaces half a surrogate pair.
ODD = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\u202eoil.exe",
    "x" * 10_000,
    "\x00\ud800",
]
SHOWN = [ODD[0], ODD[1], "\\u202eoil.exe", "x" * 199 + "…", "\\u0000\ufffd"]
WORD = "<b>word"
BAD = "/accounts/bad"
PATHS = ("/", BAD, "/accounts/refused", "/accounts/ordinary", "/runbooks/AIOZPinThrottled")


@dataclass
class Stand:
    """An exporter with a healthy account, one with rejected keys and one with odd names, and a browser."""

    exported: RunningExporter
    browser: Browser

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(self.exported.url + path, headers=headers)

    def look(self, path: str, *, width: int = 1280, scheme: str = "light") -> Browser:
        self.browser.open(self.exported.url + path, width=width, scheme=scheme)
        return self.browser


def hostile_rows() -> list[dict[str, object]]:
    """Return pins whose texts are all odd, newest last."""
    rows = []
    for number, name in enumerate(ODD):
        odd = {
            "metadata": {"name": name},
            "status": "failed",
            "date_pinned": f"2024-03-0{number + 1}T10:00:00Z",
        }
        rows.append(row(number, id=f"{number}{name}", cid=f"<i>{number}", **odd))
    return [*rows, row(99, status=WORD)]


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    config = tmp_path_factory.mktemp("status") / "config.yml"
    with (
        chromium() as browser,
        simulator("--pins=300", "--failed-share=0.2", "--in-progress-share=0.2") as simulated,
        HostileServer(listing(hostile_rows())).running() as hostile,
    ):
        keys = simulated.keys["default"]
        good = f"api_key: {keys['PIN_EXPORTER_API_KEY']}\n    secret_key: {keys['PIN_EXPORTER_SECRET_KEY']}"
        made_up = "api_key: a-key\n    secret_key: a-secret"
        config.write_text(
            f"poll_interval: 1s\nbase_url: {simulated.base_url}\naccounts:\n"
            f"  - name: ordinary\n    {good}\n"
            f"  - name: refused\n    {made_up}\n"
            f"  - name: bad\n    base_url: http://127.0.0.1:{hostile.port}/api\n    {made_up}\n"
        )
        with exporter({}, f"--config.file={config}") as exported:
            stand = Stand(exported, browser)
            wait_for(lambda: is_read(stand), "all accounts")
            yield stand


def is_read(stand: Stand) -> bool:
    accounts = {each["account"]: each for each in stand.get("/?format=json").json()["accounts"]}
    refused = accounts["refused"]["collectors"][0]["reason"]
    return bool(accounts["ordinary"]["inventory"] and accounts["bad"]["inventory"] and refused)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("width", "scheme"),
    [(1280, "light"), (1280, "dark"), (1000, "light"), (800, "dark"), (360, "light"), (320, "dark")],
)
def test_a_page_fits_its_window_and_causes_no_console_messages(
    stand: Stand, path: str, width: int, scheme: str
) -> None:
    browser = stand.look(path, width=width, scheme=scheme)
    assert browser.value("document.documentElement.scrollWidth") <= width
    assert (
        browser.value(
            "[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right"
            f" > {width} + 1 && !e.closest('thead')).map(e => e.outerHTML)"
        )
        == []
    )
    broken = browser.value(
        "[...document.querySelectorAll('.level, .reason')].filter(e => e.getClientRects().length > 1)"
        ".map(e => e.outerHTML)"
    )
    assert broken == []
    heights = browser.value(
        "[...document.querySelectorAll('footer a')].map(e => e.getBoundingClientRect().height)"
    )
    assert min(heights) >= 24, "WCAG 2.2, 2.5.8"
    assert browser.value("document.styleSheets[0].cssRules.length") > 20
    assert browser.complaints == []
    ground = Color(browser.value("getComputedStyle(document.body).backgroundColor"))
    assert (ground.luminance() < 0.1) == (scheme == "dark")
    text = Color(browser.value("getComputedStyle(document.body).color"))
    assert text.contrast(ground) >= 4.5


def test_hostile_names_are_shown_as_text(stand: Stand) -> None:
    browser = stand.look(BAD)
    names = browser.value("[...document.querySelectorAll('#failed ~ table .name')].map(e => e.textContent)")
    assert names == SHOWN[::-1]
    assert browser.value("document.scripts.length + document.images.length") == 0
    assert browser.value("document.querySelectorAll('bdi b, bdi i, bdi script, bdi img').length") == 0
    assert browser.value("document.title") == "bad – pin-exporter"
    words = browser.value("[...document.querySelectorAll('caption ~ tbody th bdi')].map(e => e.textContent)")
    assert WORD in words


def test_an_injected_script_does_not_run(stand: Stand) -> None:
    browser = stand.look(BAD)
    browser.value(
        "document.body.appendChild(Object.assign(document.createElement('script'),"
        " {textContent: 'document.title = 1'}))"
    )
    assert browser.value("document.title") == "bad – pin-exporter"
    assert wait_for(lambda: browser.value("1") and browser.complaints, "a complaint of the console")
    assert "Content Security Policy" in browser.complaints[0]


def test_a_right_to_left_name_does_not_move_other_columns(stand: Stand) -> None:
    browser = stand.look(BAD)
    place = "(e => e.getBoundingClientRect().left)"
    columns = browser.value(
        f"[...document.querySelectorAll('#failed ~ table tbody tr')].map(r => [...r.cells].map({place}))"
    )
    assert len(columns) == len(ODD)
    assert all(each == columns[0] and each == sorted(each) for each in columns)


def read_json(stand: Stand, path: str) -> dict[str, Any]:
    response = stand.get(path, Accept="application/json")
    assert response.text.isascii()
    report: dict[str, Any] = response.json()
    return report


def test_the_json_has_what_the_page_shows(stand: Stand) -> None:
    report = read_json(stand, "/accounts/ordinary")
    browser = stand.look("/accounts/ordinary")
    text = " ".join(browser.value("document.body.innerText").split())
    inventory = report["account"]["inventory"]
    assert inventory["pins"] == report["account"]["files"] == 300
    for each in inventory["phases"]:
        assert f"{each['phase'].replace('_', ' ')} {each['pins']} " in text
    for kind in ("failed", "in_progress", "balance_exhausted"):
        pins = report["problem_pins"][kind]["pins"]
        shown = browser.value(
            f"[...document.querySelectorAll('#{kind.replace('_', '-')} ~ table tbody tr')]"
            ".map(r => [r.cells[0], ...r.cells[1].querySelectorAll('code')].map(e => e.textContent))"
        )
        assert shown == [[pin["name"], pin["cid"], pin["id"]] for pin in pins]
    assert len(report["problem_pins"]["failed"]["pins"]) == 50
    assert report["problem_pins"]["failed"]["total"] == 60


def test_a_page_is_printed_black_on_white_from_a_dark_screen(stand: Stand, tmp_path: Path) -> None:
    stand.browser.open(stand.exported.url + BAD, scheme="dark", print_=True)
    ground = stand.browser.value("getComputedStyle(document.documentElement).getPropertyValue('--page')")
    assert ground == "#ffffff"
    printed = tmp_path / "page.pdf"
    stand.browser.pdf(printed)
    assert printed.read_bytes().startswith(b"%PDF")


def test_every_page_of_the_demo_says_that_it_is_a_demo() -> None:
    command = [sys.executable, "-m", "pin_exporter", "demo", "--web.listen-address=127.0.0.1:0"]
    with running(command) as process:
        url = process.wait_for_line(r"^status page +(\S+)/$")[1]
        process.wait_for_line("event=poll_succeeded")
        for path in ("/", "/accounts/nft-drops"):
            assert "Demo: " in httpx.get(url + path).text
