import hashlib
import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from pin_exporter.simulator.options import Population

from .harness import START, account, created

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BASE32 = "abcdefghijklmnopqrstuvwxyz234567"


def decoded(digits: str, alphabet: str) -> int:
    number = 0
    for digit in digits:
        number = number * len(alphabet) + alphabet.index(digit)
    return number


def test_the_same_seed_makes_the_same_pins_and_another_seed_others() -> None:
    rows = list(account().rows())
    assert rows == list(account().rows())
    ids = {UUID(row["id"]) for row in rows}
    assert len(ids) == 500
    assert {one.version for one in ids} == {4}
    assert ids.isdisjoint(UUID(row["id"]) for row in account(seed=2).rows())


def test_cids_decode_to_the_sha256_multihash_of_the_block() -> None:
    simulated, kinds = account(), set()
    for row in simulated.rows():
        cid = row["cid"]
        if cid.startswith("Qm"):
            assert len(cid) == 46
            prefix, digest = b"", decoded(cid, BASE58).to_bytes(34)
        else:
            number = decoded(cid[1:], BASE32)
            assert number & 3 == 0, "padding bits"
            value = (number >> 2).to_bytes(36)
            prefix, digest = value[:2], value[2:]
            assert prefix in (b"\x01\x70", b"\x01\x55")
        assert digest[:2] == b"\x12\x20"
        if block := simulated.block(cid):
            assert hashlib.sha256(block.content).digest() == digest[2:]
        kinds.add(re.match("Qm|bafy|bafk", cid)[0])  # type: ignore[index]
    assert kinds == {"Qm", "bafy", "bafk"}


@pytest.mark.parametrize(("tie_share", "least", "most"), [(0, 0, 0), (0.3, 101, 199)])
def test_creation_times_ascend_over_the_last_two_years_with_some_ties(
    tie_share: float, least: int, most: int
) -> None:
    population = Population(in_progress_share=1, tie_share=tie_share)
    times = [created(row) for row in account(population=population).rows()]
    start = datetime.fromtimestamp(START, UTC)
    assert times == sorted(times)
    assert least <= sum(before == after for before, after in pairwise(times)) <= most
    assert (start - timedelta(days=730)).isoformat() <= times[0] < times[-1] <= start.isoformat()


def test_duplicates_share_cid_and_size() -> None:
    rows = [row for row in account().rows() if "size" in row]
    sizes: dict[str, set[int]] = {}
    for row in rows:
        sizes.setdefault(row["cid"], set()).add(row["size"])
    assert 0.1 < 1 - len(sizes) / len(rows) < 0.3
    assert all(len(found) == 1 for found in sizes.values())
    assert account(300, population=Population(duplicate_share=1)).truth().distinct_cids == 1
