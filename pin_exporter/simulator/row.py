"""Build one row of the list, in the documented order of fields."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from pin_exporter.simulator.behaviour import Behaviour
from pin_exporter.simulator.catalogue import NANOSECONDS, Catalogue
from pin_exporter.simulator.ledger import Ledger
from pin_exporter.simulator.names import HOSTILE_NAMES
from pin_exporter.simulator.vocabulary import PINNED, REMOVED, SIZED, State, status_word, sub_hash_word

NEVER = "0001-01-01T00:00:00Z"
NIL_UUID = "00000000-0000-0000-0000-000000000000"
_STATES = {state.value: state for state in State}


def build_row(serial: int, catalogue: Catalogue, ledger: Ledger, behaviour: Behaviour) -> dict[str, Any]:
    """Return the row of a listed pin as the API would send it."""
    state = _STATES[ledger.states[serial]]
    has_size = state in SIZED
    by_cid = catalogue.is_by_cid(serial)
    vocabulary = behaviour.vocabulary
    if vocabulary == "mixed":
        vocabulary = "2023" if catalogue.trait(serial, 1) & 1 else "2024"
    directory = catalogue.is_directory(serial)
    cid = catalogue.cid(serial)
    size = catalogue.size_bytes(serial)
    metadata = catalogue.metadata(serial, directory=directory)
    if behaviour.names == "hostile":
        metadata["name"] = HOSTILE_NAMES[serial % len(HOSTILE_NAMES)]
    row: dict[str, Any] = {
        "id": catalogue.row_id(serial),
        "file_record_id": catalogue.record_id(serial) if has_size else NIL_UUID,
        "root_hash": cid,
        "cid": cid,
        "size": str(size) if behaviour.size_as_string else size,
        "user_id": catalogue.user_id,
        "date_pinned": _date_pinned(serial, has_size, catalogue, ledger),
        "date_unpinned": _date_unpinned(serial, state, catalogue, ledger),
        "pinned": state in PINNED,
        "is_pin_by_hash": by_cid,
        "sub_hash_status": "",
        "is_dir": directory,
        "metadata": metadata,
        "status": behaviour.unknown_word,
    }
    if not has_size:
        del row["size"]
    if by_cid:
        del row["sub_hash_status"]
    else:
        row["sub_hash_status"] = sub_hash_word(state, vocabulary)
    if state is not State.UNKNOWN:
        started = bool(catalogue.trait(serial, 2) & 1)
        row["status"] = status_word(state, vocabulary, by_cid=by_cid, started=started)
    if behaviour.include_created_at:
        row["created_at"] = rfc3339(catalogue.created_ns(serial), digits=6)
        row["updated_at"] = row["date_pinned"] if row["date_unpinned"] == NEVER else row["date_unpinned"]
    return row


def rfc3339(time_ns: int, *, digits: int) -> str:
    """Return a UTC date with `digits` fractional digits, 6 or 9."""
    seconds, fraction = divmod(time_ns, NANOSECONDS)
    days, second = divmod(seconds, 86400)
    if digits == 6:
        fraction //= 1000
    return f"{_day(days)}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.{fraction:0{digits}}Z"


def _date_pinned(serial: int, has_size: bool, catalogue: Catalogue, ledger: Ledger) -> str:
    if not has_size:
        return rfc3339(catalogue.created_ns(serial), digits=9)
    return rfc3339(ledger.pinned_ns[serial] or catalogue.stored_ns(serial), digits=6)


def _date_unpinned(serial: int, state: State, catalogue: Catalogue, ledger: Ledger) -> str:
    if state not in REMOVED:
        return NEVER
    return rfc3339(ledger.unpinned_ns[serial] or catalogue.removed_ns(serial), digits=6)


@lru_cache(maxsize=1024)
def _day(days: int) -> str:
    return datetime.fromtimestamp(days * 86400, UTC).date().isoformat()
