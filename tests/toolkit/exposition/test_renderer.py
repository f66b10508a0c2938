import asyncio
import gc
import os
import subprocess
import weakref
from collections import UserDict
from collections.abc import ItemsView, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from pin_exporter.api.model import Collector
from pin_exporter.polling.snapshot import AccountSnapshot
from pin_exporter.toolkit.exposition.renderer import Format, Renderer
from tests.support.clocks import FakeClock
from tests.support.samples import COUNTED, FULL, HOSTILE_WORD, NOW_ELAPSED, TRAFFIC, UNTRIED
from tests.support.tools import require_tool

GOLDEN = Path(__file__).parent / "golden"
GOLDEN_FILES = {
    Format.TEXT: GOLDEN / "exposition.txt",
    Format.OPENMETRICS: GOLDEN / "exposition.openmetrics.txt",
}

Samples = set[tuple[str, frozenset[tuple[str, str]], float]]


def exposition(
    snapshots: Iterable[AccountSnapshot],
    clock: FakeClock | None = None,
    process: CollectorRegistry | None = None,
) -> Renderer:
    elapsed = (clock or FakeClock(elapsed=NOW_ELAPSED)).elapsed
    return Renderer(lambda: snapshots, process or CollectorRegistry(), elapsed)


def render(exposition: Renderer, form: Format = Format.TEXT, names: Sequence[str] = ()) -> str:
    return asyncio.run(exposition.render(form, names)).decode()


def families_of(text: str) -> list[str]:
    return [line.split()[2] for line in text.split("\n") if line.startswith("# TYPE ")]


def samples_of(metrics: Iterable[Metric]) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items()), sample.value)
        for metric in metrics
        for sample in metric.samples
    }


def golden(form: Format) -> str:
    return GOLDEN_FILES[form].read_bytes().decode()


@pytest.mark.parametrize("form", Format)
def test_two_accounts_are_rendered_as_the_golden_file_says(form: Format) -> None:
    rendered = render(exposition([FULL, UNTRIED]), form)

    if os.environ.get("WRITE_GOLDEN"):  # then review the difference
        GOLDEN_FILES[form].write_bytes(rendered.encode())
    assert rendered == golden(form)


def test_both_golden_files_parse_to_the_same_samples() -> None:
    text = samples_of(parse_text(golden(Format.TEXT)))
    openmetrics = samples_of(parse_openmetrics(golden(Format.OPENMETRICS)))  # type: ignore[no-untyped-call]

    assert text == openmetrics
    hostile = [labels for name, labels, _ in text if ("status", HOSTILE_WORD) in labels]
    assert len(hostile) == 2


def test_a_hostile_word_adds_no_line_to_the_exposition() -> None:
    plain_words = {
        ("plain" if word == HOSTILE_WORD else word, phase): held
        for (word, phase), held in COUNTED.inventory.by_status.items()
    }
    plain = replace(
        FULL, counted=replace(COUNTED, inventory=replace(COUNTED.inventory, by_status=plain_words))
    )

    for form in Format:
        hostile_lines = render(exposition([FULL]), form).split("\n")
        assert len(hostile_lines) == len(render(exposition([plain]), form).split("\n"))


@pytest.mark.parametrize("form", Format)
def test_the_samples_of_a_family_stand_together_whatever_the_accounts_show(form: Format) -> None:
    named = [replace(FULL, account="first"), UNTRIED, replace(FULL, account="third", counted=None)]

    families = families_of(render(exposition(named), form))

    assert len(families) == len(set(families))


def test_gauge_histograms_go_out_as_such_in_openmetrics() -> None:
    assert "# TYPE aiozpin_pin_size_bytes gaugehistogram\n" in render(exposition([FULL]), Format.OPENMETRICS)


@pytest.mark.parametrize("form", Format)
def test_neither_creation_times_nor_timestamps_are_sent(form: Format) -> None:
    lines = render(exposition([FULL]), form).split("\n")

    assert not [line for line in lines if "_created" in line]
    assert {line.rpartition("} ")[2].count(" ") for line in lines if line and line[0] != "#"} == {0}


def test_openmetrics_ends_with_its_end_mark_and_only_there() -> None:
    rendered = render(exposition([FULL, UNTRIED]), Format.OPENMETRICS)

    assert rendered.endswith("\n# EOF\n")
    assert rendered.count("# EOF") == 1
    assert render(exposition([]), Format.OPENMETRICS) == "# EOF\n"


def test_metrics_of_the_process_are_sent_too() -> None:
    registry = CollectorRegistry()
    Gauge("x_ready", "Ready.", registry=registry).set(1)

    for form in Format:
        assert "\nx_ready 1.0\n" in render(exposition([UNTRIED], process=registry), form)


@pytest.mark.parametrize(
    ("name", "text_families", "openmetrics_families"),
    [
        ("aiozpin_up", ["aiozpin_up"], ["aiozpin_up"]),
        ("aiozpin_polls_total", ["aiozpin_polls_total"], ["aiozpin_polls"]),
        ("aiozpin_polls", ["aiozpin_polls_total"], ["aiozpin_polls"]),
        (
            "aiozpin_pin_size_bytes",
            ["aiozpin_pin_size_bytes", "aiozpin_pin_size_bytes_gcount", "aiozpin_pin_size_bytes_gsum"],
            ["aiozpin_pin_size_bytes"],
        ),
        ("aiozpin_pin_size_bytes_bucket", ["aiozpin_pin_size_bytes"], ["aiozpin_pin_size_bytes"]),
        ("aiozpin_pin_size_bytes_gsum", ["aiozpin_pin_size_bytes_gsum"], ["aiozpin_pin_size_bytes"]),
        (
            "aiozpin_api_request_duration_seconds_count",
            ["aiozpin_api_request_duration_seconds"],
            ["aiozpin_api_request_duration_seconds"],
        ),
        ("x_ready", ["x_ready"], ["x_ready"]),
        ("aiozpin_u", [], []),
        ("", [], []),
    ],
)
def test_a_name_selects_families_by_their_own_or_by_a_samples_name(
    name: str, text_families: list[str], openmetrics_families: list[str]
) -> None:
    registry = CollectorRegistry()
    Gauge("x_ready", "Ready.", registry=registry)
    both = exposition([UNTRIED, FULL], process=registry)

    assert families_of(render(both, Format.TEXT, [name])) == text_families
    assert families_of(render(both, Format.OPENMETRICS, [name])) == openmetrics_families


def test_several_names_select_all_of_their_families_for_all_accounts() -> None:
    rendered = render(exposition([FULL, UNTRIED]), Format.TEXT, ["aiozpin_polls_total", "aiozpin_up"])

    assert families_of(rendered) == ["aiozpin_up", "aiozpin_polls_total"]
    assert 'aiozpin_up{account="archive"} 1.0\naiozpin_up{account="website"} 0.0\n' in rendered


class Watched(UserDict[tuple[Collector, str], int]):
    """Request counts that tell how often they were encoded."""

    encoded = 0

    def items(self) -> ItemsView[tuple[Collector, str], int]:
        self.encoded += 1
        return super().items()


def watched(account: str) -> tuple[AccountSnapshot, Watched]:
    requests = Watched(TRAFFIC.requests)
    return replace(FULL, account=account, request_stats=replace(TRAFFIC, requests=requests)), requests


def test_only_accounts_that_changed_are_encoded_again() -> None:
    (still, still_requests), (moving, moving_requests) = watched("still"), watched("moving")
    snapshots = [still, moving]
    both = exposition(snapshots)

    first = render(both)
    assert render(both) == first
    assert (still_requests.encoded, moving_requests.encoded) == (1, 1)

    snapshots[1] = replace(moving, size_limit_bytes=5)
    assert 'aiozpin_size_limit_bytes{account="moving"} 5.0\n' in render(both)
    assert (still_requests.encoded, moving_requests.encoded) == (1, 2)


def test_each_format_is_encoded_by_itself() -> None:
    snapshot, requests = watched("a")
    one = exposition([snapshot])

    texts = {render(one, form) for form in (*Format, *Format)}

    assert len(texts) == 2
    assert requests.encoded == 2


def test_an_account_that_is_gone_is_neither_shown_nor_kept() -> None:
    gone, requests = watched("gone")
    snapshots = [gone, UNTRIED]
    both = exposition(snapshots)
    for form in Format:
        render(both, form)
    kept = weakref.ref(requests)

    del snapshots[0], gone, requests
    assert '"gone"' not in render(both)

    gc.collect()
    assert kept() is None


@pytest.mark.parametrize("form", Format)
def test_data_vanish_when_they_grow_too_old_though_nothing_was_published(form: Format) -> None:
    clock = FakeClock(elapsed=1_000.0)
    one = exposition([FULL], clock)
    totals, inventory = "aiozpin_files{", "aiozpin_pins{"
    polled_at = FULL.health[Collector.TOTALS].last_success_elapsed
    assert polled_at is not None

    seen = []
    for age in (
        240.0,
        240.5,
        290.0,
        290.5,
    ):  # the totals are good for 240 s; the inventory, 130 s older, for 420
        clock.now = polled_at + age
        rendered = render(one, form)
        seen.append((totals in rendered, inventory in rendered))
        assert "aiozpin_up{" in rendered
        assert "aiozpin_last_success_timestamp_seconds{" in rendered
        assert "aiozpin_size_limit_bytes{" in rendered

    assert seen == [(True, True), (False, True), (False, True), (False, False)]


def test_data_come_back_with_the_next_success() -> None:
    clock = FakeClock(elapsed=NOW_ELAPSED + 1_000_000)
    snapshots = [FULL]
    one = exposition(snapshots, clock)
    assert "aiozpin_files{" not in render(one)

    health = FULL.health[Collector.TOTALS].succeeded(
        elapsed=clock.elapsed(), interval_seconds=60, stale_after_seconds=240
    )
    snapshots[0] = FULL.with_health(Collector.TOTALS, health)

    rendered = render(one)
    assert "aiozpin_files{" in rendered
    assert "aiozpin_pins{" not in rendered


def test_what_changes_is_encoded_ahead_of_scrapes_in_formats_that_were_asked_for() -> None:
    clock = FakeClock(elapsed=NOW_ELAPSED)
    snapshot, requests = watched("moving")
    snapshots = [snapshot]
    one = exposition(snapshots, clock)

    async def change_between_scrapes() -> list[int]:
        encoded = []
        ready = asyncio.create_task(one.keep_ready(clock.sleep))
        await clock.sleep(5)
        encoded.append(requests.encoded)  # nobody has asked yet
        await one.render(Format.OPENMETRICS)
        await clock.sleep(5)
        encoded.append(requests.encoded)
        snapshots[0] = replace(snapshot, size_limit_bytes=5)
        await clock.sleep(5)
        encoded.append(requests.encoded)
        text = await one.render(Format.OPENMETRICS)
        assert b'aiozpin_size_limit_bytes{account="moving"} 5.0\n' in text
        encoded.append(requests.encoded)
        ready.cancel()
        return encoded

    assert asyncio.run(change_between_scrapes()) == [0, 1, 2, 2]


def test_a_scrape_shows_what_changed_since_it_was_encoded_ahead() -> None:
    clock = FakeClock(elapsed=NOW_ELAPSED)
    snapshots = [FULL]
    one = exposition(snapshots, clock)

    async def change_and_scrape() -> bytes:
        await one.render(Format.TEXT)
        ready = asyncio.create_task(one.keep_ready(clock.sleep))
        await clock.sleep(5)
        snapshots[0] = replace(FULL, size_limit_bytes=5)
        text = await one.render(Format.TEXT)
        ready.cancel()
        return text

    assert b'aiozpin_size_limit_bytes{account="archive"} 5.0\n' in asyncio.run(change_and_scrape())


def test_what_nobody_asks_for_any_more_is_forgotten() -> None:
    clock = FakeClock(elapsed=NOW_ELAPSED)
    snapshot, requests = watched("moving")
    kept, later = weakref.ref(requests), Watched()
    snapshots = [snapshot]
    one = exposition(snapshots, clock)

    async def leave_alone() -> None:
        await one.render(Format.TEXT)
        await clock.run_until(clock.now + 3_600, lambda: one.keep_ready(clock.sleep))
        snapshots[0] = replace(FULL, account="moving", request_stats=replace(TRAFFIC, requests=later))
        await clock.run_until(clock.now + 3_600, lambda: one.keep_ready(clock.sleep))

    asyncio.run(leave_alone())

    del snapshot, requests
    gc.collect()
    assert kept() is None
    assert later.encoded == 0


@pytest.mark.parametrize("form", Format)
def test_many_accounts_are_joined_aside_to_the_same_text(form: Format) -> None:
    accounts = [replace(FULL, account=f"account-{number}") for number in range(120)]

    text = render(exposition(accounts), form)

    families = families_of(text)
    assert len(families) == len(set(families))
    for account in accounts:
        lines = [line for line in render(exposition([account]), form).split("\n") if line[:1] != "#"]
        assert set(lines) <= set(text.split("\n"))


def test_others_get_a_turn_between_any_two_accounts() -> None:
    accounts = [replace(FULL, account=f"account-{number}") for number in range(20)]
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def render_beside_others() -> None:
        others = asyncio.create_task(take_turns())
        await exposition(accounts).render(Format.TEXT)
        others.cancel()

    asyncio.run(render_beside_others())

    assert turns >= len(accounts) - 1


def test_promtool_finds_nothing_wrong_with_names_types_and_text() -> None:
    promtool = require_tool("promtool", "prometheus")

    checked = subprocess.run(
        [promtool, "check", "metrics"], input=golden(Format.TEXT), capture_output=True, text=True, check=False
    )

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
