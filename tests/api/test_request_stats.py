import pytest
from hypothesis import given
from hypothesis import strategies as st

from pin_exporter.api.errors import REASONS
from pin_exporter.api.model import Collector
from pin_exporter.api.request_stats import DURATION_BOUNDS, RequestCounter, RequestStats


@given(
    st.lists(
        st.tuples(
            st.sampled_from(Collector),
            st.sampled_from(["200", "429", "error"]),
            st.floats(0, 100) | st.sampled_from(DURATION_BOUNDS),
            st.integers(0, 10**9),
        ),
        max_size=20,
    )
)
def test_requests_add_up(requests: list[tuple[Collector, str, float, int]]) -> None:
    counter = RequestCounter()
    for request in requests:
        counter.count_request(*request)
    stats = counter.stats
    kinds = [(collector, code) for collector, code, _, _ in requests]
    assert stats.requests == {kind: kinds.count(kind) for kind in kinds}
    assert stats.response_bytes == sum(request[3] for request in requests)
    for collector in Collector:
        seconds = [request[2] for request in requests if request[0] is collector]
        assert stats.requests_for(collector) == len(seconds)
        counts, total = stats.durations.get(collector, ((0,) * (len(DURATION_BOUNDS) + 1), 0.0))
        assert total == pytest.approx(sum(seconds))
        assert [sum(counts[: number + 1]) for number in range(len(DURATION_BOUNDS))] == [
            sum(each <= bound for each in seconds) for bound in DURATION_BOUNDS
        ]
        assert sum(counts) == len(seconds)


def test_codes_unknown_to_http_are_counted_together() -> None:
    counter = RequestCounter()
    for code in ("error", "200", "503", *map(str, range(600, 1000))):
        counter.count_request(Collector.INVENTORY, code, 1.0, 0)
    assert {code: times for (_, code), times in counter.stats.requests.items()} == {
        "error": 1,
        "200": 1,
        "503": 1,
        "other": 400,
    }


def test_retries_waits_and_stale_files_are_counted_and_earlier_stats_stay_the_same() -> None:
    counter = RequestCounter()
    before = counter.stats
    for reason in ("timeout", "timeout", "tls"):
        counter.count_retry(reason)
    for seconds in (1.5, 0.0, 0.25):
        counter.count_wait(seconds)
    counter.count_request(Collector.TOTALS, "200", 1.0, 0, ("keys",))
    assert counter.stats.retries == dict.fromkeys(REASONS, 0) | {"timeout": 2, "tls": 1}
    assert counter.stats.throttled_seconds == 1.75
    assert counter.stats.stale == {"keys": 1, "certificates": 0}
    assert before == RequestStats()
