"""Made-up exporters as Prometheus sees them: healthy, except for the given signals."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from dev.grafana.promql import known_series
from pin_exporter.api.model import Collector
from pin_exporter.api.request_stats import RELOADED_FILES
from pin_exporter.metrics import PREFIX
from tests.grafana.support.signals import NO_TROUBLE, Signal, Trouble, counts, keeps_up, steady, values
from tests.grafana.support.signals import vanishes as vanishing

GIB: Final = 2**30
ACCOUNT: Final = "main"
HERE: Final[Mapping[str, str]] = {"job": "pins", "instance": "one:10242"}
_REASONS: Final = ("timeout", "unauthorized", "inconsistent")


class Key(NamedTuple):
    """A series without the labels of exporter and account."""

    name: str
    labels: tuple[tuple[str, str], ...] = ()


def key(name: str, **labels: str) -> Key:
    """Return the key of a series of the exporter; `name` has no prefix."""
    assert {*labels, "account"} == {*known_series()[PREFIX + name]}, (name, labels)
    return Key(PREFIX + name, tuple(labels.items()))


UP: Final = Key("up")
BUILD_INFO: Final = Key(
    "aiozpin_exporter_build_info", (("version", "1.0.0"), ("revision", "abc"), ("python_version", "3.13.0"))
)
RELOADED: Final = Key("aiozpin_exporter_config_last_reload_successful")
WEB_RELOADED: Final = Key("aiozpin_exporter_web_config_last_reload_successful")
SHARD: Final = Key("aiozpin_exporter_shard")
TOTAL_SHARDS: Final = Key("aiozpin_exporter_total_shards")


def healthy_target() -> dict[Key, Signal]:
    """Return the series of the exporter itself."""
    alone = {SHARD: steady(0), TOTAL_SHARDS: steady(1)}
    loaded = {RELOADED: steady(1), WEB_RELOADED: steady(1)}
    return {UP: steady(1), BUILD_INFO: steady(1), **loaded, **alone}


def healthy_account() -> dict[Key, Signal]:
    """Return the series of a healthy account: 102 files, one pin in progress, 512 GiB of a limit of 1 TiB."""
    by_collector = {
        "last_success_timestamp_seconds": keeps_up(),
        "last_attempt_timestamp_seconds": keeps_up(),
        "poll_interval_seconds": steady(60),
        "polls_total": counts(1),
    }
    alike = {
        key(name, collector=collector): signal
        for name, signal in by_collector.items()
        for collector in Collector
    }
    failures = {
        key("poll_failures_total", collector=collector, reason=reason): counts(0)
        for collector in Collector
        for reason in _REASONS
    }
    requests = {
        key("api_requests_total", operation=operation, code=code): counts(rate)
        for operation in ("totals", "list")
        for code, rate in (("200", 1), ("429", 0))
    }
    files = {key("file_read_failures_total", files=files): counts(0) for files in RELOADED_FILES}
    pins = {("pinned", "pinned"): 99, ("pinning", "in_progress"): 1, ("failed", "failed"): 0}
    pins |= {("retrieveFailed", "failed"): 0, ("unpinOutOfMoney", "removed"): 0, ("gcDone", "removed"): 2}
    held = {
        key("pins", status=status, phase=phase): steady(number) for (status, phase), number in pins.items()
    }
    stored = {
        key("stored_bytes", status=status, phase=phase): steady(number * GIB)
        for (status, phase), number in pins.items()
    }
    single = {
        "up": steady(1),
        "files": steady(102),
        "size_bytes": steady(512 * GIB),
        "size_limit_bytes": steady(1024 * GIB),
        "oldest_unfinished_pin_timestamp_seconds": keeps_up(3_600),
        "newest_pin_timestamp_seconds": keeps_up(600),
        "inventory_consistent": steady(1),
        "inventory_unaccounted_files": steady(0),
        "inventory_malformed_pins": steady(0),
    }
    others = {key(name): signal for name, signal in single.items()}
    return {**alike, **failures, **requests, **files, **held, **stored, **others}


@dataclass(frozen=True, slots=True)
class Exporter:
    """An exporter with one account. `signals` replace those of a healthy exporter.

    If it `vanishes`, it has no series but `signals` during the problem.
    """

    signals: Mapping[Key, Signal] = field(default_factory=dict)
    trouble: Trouble = NO_TROUBLE
    vanishes: bool = False
    account: str = ACCOUNT
    labels: Mapping[str, str] = field(default_factory=lambda: HERE)

    def series(self, minutes: range) -> Iterator[dict[str, str]]:
        """Yield the series with their values in these minutes."""
        of_target, of_account = healthy_target(), healthy_account()
        for each, signal in {**of_target, **of_account, **self.signals}.items():
            account = {} if each in of_target else {"account": self.account}
            exists = each in self.signals or not self.vanishes
            yield {
                "series": written(each, {**self.labels, **account}),
                "values": values(signal if exists else vanishing(signal), self.trouble, minutes),
            }


def written(each: Key, labels: Mapping[str, str]) -> str:
    """Write a series in PromQL."""
    return each.name + "{" + ",".join(f'{n}="{v}"' for n, v in (*labels.items(), *each.labels)) + "}"
