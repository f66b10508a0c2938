"""Which pins are fetched next, and when one counts as unretrievable."""

import pytest

from pin_exporter.retrieval.samples import BUCKETS, DAY_SECONDS, MAX_NAMED, Attempt, Result, Samples

FAILURES = [result for result in Result if result.is_failure]
NO_EVIDENCE = [Result.RATE_LIMITED, Result.FORBIDDEN, Result.UNVERIFIABLE]
MINUTE = 60.0
WALL = 1_750_000_000.0


def fetch(samples: Samples, now: float, result: Result) -> str | None:
    cid = samples.next(now)
    if cid is not None:
        samples.record(cid, Attempt(result, "why", 0.2), now, now + WALL)
    return cid


def after_failures(result: Result = Result.NOT_FOUND) -> Samples:
    """Return samples with one CID that failed three times within an hour."""
    samples = Samples()
    samples.offer(["a"])
    assert [fetch(samples, minute * MINUTE, result) for minute in (0, 19, 20, 59, 60, 61)] == [
        "a",
        None,
        "a",
        None,
        "a",
        None,
    ]
    return samples


def test_the_newest_cids_are_fetched_first_each_once() -> None:
    samples = Samples()
    samples.offer(["a", "b"])
    samples.offer(["c"])
    assert [fetch(samples, 0.0, Result.OK) for _ in range(4)] == ["c", "b", "a", None]
    assert (samples.stats.sampled, samples.stats.unretrievable) == (3, 0)
    assert samples.stats.results[Result.OK] == 3


@pytest.mark.parametrize("result", FAILURES)
def test_a_cid_that_fails_three_times_over_an_hour_is_unretrievable(result: Result) -> None:
    samples = after_failures(result)
    stats = samples.stats
    assert (stats.sampled, stats.unretrievable, stats.named) == (1, 1, ("a",))
    assert (stats.results[result], stats.last_success_at, stats.last_attempt_elapsed) == (3, 0.0, 3_600.0)
    assert stats.recent[-1].at == WALL + 3_600.0


def test_a_cid_that_can_be_fetched_at_last_is_retrievable() -> None:
    samples = Samples()
    samples.offer(["a"])
    fetch(samples, 0.0, Result.TIMEOUT)
    assert (samples.stats.sampled, samples.stats.unretrievable) == (0, 0)
    fetch(samples, 20 * MINUTE, Result.OK)
    assert (samples.stats.sampled, samples.stats.unretrievable) == (1, 0)
    samples = after_failures()
    samples.offer(["a"])
    fetch(samples, 90 * MINUTE, Result.OK)
    assert (samples.stats.sampled, samples.stats.unretrievable) == (1, 0)


@pytest.mark.parametrize("result", NO_EVIDENCE)
def test_a_limit_of_the_gateway_is_no_evidence_about_a_pin(result: Result) -> None:
    samples = Samples()
    samples.offer(["a"])
    fetch(samples, 0.0, result)
    assert (samples.stats.sampled, samples.stats.results[result]) == (0, 1)
    assert samples.next(DAY_SECONDS) is None
    samples.offer(["b"])
    fetch(samples, 0.0, Result.NOT_FOUND)
    assert fetch(samples, 20 * MINUTE, result) == "b"
    assert fetch(samples, 39 * MINUTE, result) is None
    assert fetch(samples, 40 * MINUTE, Result.NOT_FOUND) == "b"
    assert fetch(samples, 80 * MINUTE, Result.NOT_FOUND) == "b"
    assert samples.stats.unretrievable == 1


def test_an_unretrievable_cid_counts_once_and_for_a_day() -> None:
    samples = after_failures()
    samples.offer(["a"])
    for minute in (70, 90, 130):
        assert fetch(samples, minute * MINUTE, Result.NOT_FOUND) == "a"
    assert (samples.stats.sampled, samples.stats.unretrievable) == (1, 1)
    samples.offer(["b"])
    fetch(samples, 131 * MINUTE + DAY_SECONDS, Result.OK)
    assert (samples.stats.sampled, samples.stats.unretrievable) == (1, 0)


def test_retrieved_pins_count_for_a_day() -> None:
    samples = Samples()
    for hour in range(48):
        samples.offer(["a", "b"])
        for _ in range(2):
            fetch(samples, hour * 3_600.0, Result.OK)
    assert 48 <= samples.stats.sampled <= 50


def test_memory_is_bounded_when_everything_fails() -> None:
    samples = Samples()
    fetched = 0
    for number in range(5_000):
        samples.offer([f"cid{number}"])
        fetched += fetch(samples, number * 0.1, Result.TIMEOUT) is not None
    assert fetched == 1_000
    assert len(samples.stats.recent) == MAX_NAMED


def test_durations_of_successes_are_counted_by_bound() -> None:
    samples = Samples()
    for seconds in (BUCKETS[0], BUCKETS[0] + 0.01, 1_000.0):
        samples.offer(["a"])
        assert samples.next(0.0) == "a"
        samples.record("a", Attempt(Result.OK, "", seconds), 0.0, WALL)
    samples.record("b", Attempt(Result.TIMEOUT, "", 5.0), 0.0, WALL)
    counts = samples.stats.durations.counts
    assert (counts[0], counts[1], counts[-1], sum(counts)) == (1, 1, 1, 3)
    assert samples.stats.durations.sum_seconds == pytest.approx(2 * BUCKETS[0] + 1_000.01)
