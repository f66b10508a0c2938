import asyncio
import gc
import re
import threading
import weakref
from collections import UserDict
from collections.abc import ItemsView, Iterator, Sequence

import pytest
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.registry import Collector

from pin_exporter.toolkit.exposition.encoder import Format
from pin_exporter.toolkit.exposition.family import Target
from pin_exporter.toolkit.exposition.renderer import Renderer, render_textfile
from tests.support.clocks import FakeClock
from tests.toolkit.exposition.disks import FAMILIES, LABEL, Disk, target

FORMATS = pytest.mark.parametrize("fmt", Format)


def registry() -> CollectorRegistry:
    own = CollectorRegistry()
    Gauge("x_ready", "Ready.", registry=own).set(1)
    return own


def renderer(targets: Sequence[Target[Disk]], clock: FakeClock | None = None) -> Renderer[Disk]:
    elapsed = (clock or FakeClock()).elapsed
    return Renderer(FAMILIES, LABEL, lambda: targets, registry(), elapsed)


def render(one: Renderer[Disk], fmt: Format = Format.TEXT, names: Sequence[str] = ()) -> str:
    return asyncio.run(one.render(fmt, names)).decode()


def families_of(text: str) -> list[str]:
    return [line.split()[2] for line in text.split("\n") if line.startswith("# TYPE ")]


def samples_of(text: str) -> list[str]:
    return [line for line in text.split("\n") if line and not line.startswith("#")]


def test_both_formats_have_the_same_samples_but_gauge_histograms_are_histograms_in_text() -> None:
    both = renderer([target("a"), target("b", Disk(files=None))])
    text, openmetrics = (render(both, fmt) for fmt in (Format.TEXT, Format.OPENMETRICS))
    assert samples_of(text) != []
    assert samples_of(text) == samples_of(re.sub(r"_bytes_g(count|sum)", r"_bytes_\1", openmetrics))
    types = {family.name: family.type for family in parse_text(text)}
    assert types["x_size_bytes"] == types["x_wait_seconds"] == "histogram"
    types = {family.name: family.type for family in parse_openmetrics(openmetrics)}  # type: ignore[no-untyped-call]
    assert (types["x_size_bytes"], types["x_wait_seconds"]) == ("gaugehistogram", "histogram")


@pytest.mark.parametrize(
    ("name", "text_families", "openmetrics_families"),
    [
        ("x_files", ["x_files"], ["x_files"]),
        ("x_reads_total", ["x_reads_total"], ["x_reads"]),
        ("x_size_bytes", ["x_size_bytes"], ["x_size_bytes"]),
        ("x_size_bytes_bucket", ["x_size_bytes"], ["x_size_bytes"]),
        ("x_size_bytes_sum", ["x_size_bytes"], []),
        ("x_size_bytes_gsum", [], ["x_size_bytes"]),
        ("x_wait_seconds_count", ["x_wait_seconds"], ["x_wait_seconds"]),
        ("x_f", [], []),
        ("", [], []),
    ],
)
def test_a_name_selects_families_by_their_own_name_or_that_of_a_sample(
    name: str, text_families: list[str], openmetrics_families: list[str]
) -> None:
    both = renderer([target("a", Disk(files=None)), target("b")])
    assert families_of(render(both, Format.TEXT, [name])) == text_families
    assert families_of(render(both, Format.OPENMETRICS, [name])) == openmetrics_families


class CountingReads(UserDict[str, int]):
    """Reads that count how often they are encoded."""

    encoded = 0

    def items(self) -> ItemsView[str, int]:
        self.encoded += 1
        return super().items()


def test_a_target_is_encoded_again_when_its_snapshot_or_what_is_fresh_has_changed() -> None:
    still, moving = CountingReads(), CountingReads()
    targets = [target("still", Disk(reads=still)), target("moving", Disk(reads=moving))]
    both = renderer(targets)

    first = render(both)
    assert render(both) == first
    assert (still.encoded, moving.encoded) == (1, 1)
    assert render(both, Format.OPENMETRICS) != first
    assert (still.encoded, moving.encoded) == (2, 2)

    targets[1] = target("moving", Disk(files=5, reads=moving))
    assert 'x_files{disk="moving"} 5.0\n' in render(both)
    assert (still.encoded, moving.encoded) == (2, 3)

    targets[1] = targets[1]._replace(fresh=frozenset({"sizes"}))
    assert 'x_files{disk="moving"}' not in render(both)
    assert 'x_size_bytes_sum{disk="moving"}' in render(both)
    assert (still.encoded, moving.encoded) == (2, 4)


def test_a_target_that_is_gone_is_neither_shown_nor_kept() -> None:
    reads = CountingReads()
    targets = [target("gone", Disk(reads=reads)), target("b")]
    both = renderer(targets)
    for fmt in Format:
        render(both, fmt)
    kept = weakref.ref(reads)

    del targets[0], reads
    assert '"gone"' not in render(both)
    gc.collect()
    assert kept() is None


def test_changes_are_encoded_ahead_of_scrapes_in_the_formats_in_use() -> None:
    clock = FakeClock()
    reads = CountingReads()
    targets = [target("a", Disk(reads=reads))]
    one = renderer(targets, clock)

    async def change_between_scrapes() -> list[int]:
        encoded = []
        ready = asyncio.create_task(one.keep_ready(clock.sleep))
        await clock.sleep(5)
        encoded.append(reads.encoded)  # not scraped yet
        await one.render(Format.OPENMETRICS)
        await clock.sleep(5)
        encoded.append(reads.encoded)
        targets[0] = target("a", Disk(files=5, reads=reads))
        await clock.sleep(5)
        encoded.append(reads.encoded)
        assert b'x_files{disk="a"} 5.0\n' in await one.render(Format.OPENMETRICS)
        encoded.append(reads.encoded)
        targets[0] = target("a", Disk(files=6, reads=reads))
        assert b'x_files{disk="a"} 6.0\n' in await one.render(Format.OPENMETRICS)
        ready.cancel()
        return encoded

    assert asyncio.run(change_between_scrapes()) == [0, 1, 2, 2]


def test_the_cache_of_a_format_that_is_not_scraped_any_more_is_cleared() -> None:
    clock = FakeClock()
    reads, later = CountingReads(), CountingReads()
    targets = [target("a", Disk(reads=reads))]
    kept = weakref.ref(reads)
    one = renderer(targets, clock)

    async def stop_scraping() -> None:
        await one.render(Format.TEXT)
        await clock.run_until(clock.now + 3_600, lambda: one.keep_ready(clock.sleep))
        targets[0] = target("a", Disk(reads=later))
        await clock.run_until(clock.now + 3_600, lambda: one.keep_ready(clock.sleep))

    asyncio.run(stop_scraping())

    del reads
    gc.collect()
    assert kept() is None
    assert later.encoded == 0


@pytest.mark.parametrize(("number", "is_in_thread"), [(1, False), (120, True)])
def test_many_targets_are_joined_in_a_thread(number: int, is_in_thread: bool) -> None:
    threads: list[int] = []

    class Recorder(Collector):
        def collect(self) -> Iterator[Metric]:
            threads.append(threading.get_ident())
            return iter(())

    own = CollectorRegistry()
    own.register(Recorder())
    targets = [target(f"disk-{index}") for index in range(number)]
    threads.clear()
    render(Renderer(FAMILIES, LABEL, lambda: targets, own, FakeClock().elapsed))
    assert [thread != threading.get_ident() for thread in threads] == [is_in_thread]


@FORMATS
@pytest.mark.parametrize("number", [3, 120])
def test_the_samples_of_a_family_stand_together_whatever_each_target_shows(fmt: Format, number: int) -> None:
    different = (target("a"), target("b", Disk(files=None)), target("c", fresh=frozenset()))
    targets = [
        each._replace(name=f"{each.name}{index}") for index in range(number // 3) for each in different
    ]
    text = render(renderer(targets), fmt)
    families = families_of(text)
    assert len(families) == len(set(families))
    for one in targets:
        assert set(samples_of(render(renderer([one]), fmt))) <= set(samples_of(text))


def test_other_tasks_get_a_turn_between_any_two_targets() -> None:
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def render_beside_others() -> None:
        others = asyncio.create_task(take_turns())
        await renderer([target(f"disk-{number}") for number in range(20)]).render(Format.TEXT)
        others.cancel()

    asyncio.run(render_beside_others())
    assert turns >= 19


def test_a_textfile_is_the_text_format() -> None:
    targets = [target("a"), target("b")]
    assert render_textfile(FAMILIES, LABEL, targets, registry()).decode() == render(renderer(targets))
