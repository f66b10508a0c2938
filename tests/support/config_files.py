"""Hypothesis strategies for config files: valid, almost valid and arbitrary values."""

from collections.abc import Mapping
from typing import Any, Final

from hypothesis import strategies as st
from pydantic import BaseModel

from pin_exporter.config.settings import AccountEntry, Settings

_DIGITS: Final = st.text("0123456789", min_size=1, max_size=6)
_UNITS: Final = st.sampled_from(["ms", "s", "m", "h", "d", "w"])
_ODD: Final = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-2, 2_000),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=40),
    st.text("0123456789+-_. smhdwkKMGTPiBb:/@#%,[]", max_size=20),
    st.lists(st.integers() | st.text(max_size=9), max_size=3),
    st.dictionaries(st.text(max_size=9), st.integers(), max_size=2),
)
_DURATIONS: Final = st.one_of(
    st.integers(1, 3_600),
    st.floats(1, 3_600),
    st.builds("{}{}".format, st.integers(1, 59), st.sampled_from(["s", "m"])),
    st.just(" 1m30s "),
)
_NEARLY_DURATIONS: Final = st.builds("".join, st.lists(st.builds("{}{}".format, _DIGITS, _UNITS), max_size=3))
_SIZES: Final = st.one_of(
    st.integers(1, 2**63 - 1),
    st.builds(
        "{}{}{}{}".format,
        st.integers(1, 8_000),
        st.sampled_from(["", ".5", ".25 ", " "]),
        st.sampled_from(["", *"kKMGTP"]) | st.sampled_from(["Ki", "Mi", "Gi", "Ti", "Pi"]),
        st.sampled_from(["", "B", "b"]),
    ),
)
_WORDS: Final = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
_KEYS: Final = st.text("abcABC0189+/=", min_size=1, max_size=44) | st.integers(0)
_URLS: Final = st.builds(
    "{}://{}{}/api{}".format,
    st.sampled_from(["http", "https", "HTTPS"]),
    st.sampled_from(["api.test", "10.1.2.3", "[::1]", "a-b.c"]),
    st.sampled_from(["", ":8443"]),
    st.sampled_from(["", "/", "//"]),
)
_PROXIES: Final = st.just("direct") | st.builds(
    "{}://{}{}:3128{}".format,
    st.sampled_from(["http", "https", "HTTP"]),
    st.sampled_from(["", "user@", "user:p%40ss@", ":x@"]),
    st.sampled_from(["proxy.test", "10.0.0.1", "[::1]"]),
    st.sampled_from(["", "/"]),
)
_ADDRESSES: Final = st.builds(
    "{}:{}".format,
    st.sampled_from(["", "localhost", "127.0.0.1", "[::1]", "[fe80::1%eth0]", "0.0.0.0"]),
    st.integers(0, 65_535),
)
_LISTS_OF_ADDRESSES: Final = st.lists(_ADDRESSES, min_size=1, max_size=3, unique=True)


def _whole(low: int, high: int) -> st.SearchStrategy[object]:
    numbers = st.integers(low, high)
    return st.one_of(
        numbers, numbers.map(str), numbers.map(lambda n: f" {n} "), numbers.map(lambda n: f"+{n}")
    )


def _cases(*words: str) -> st.SearchStrategy[object]:
    return st.sampled_from([each for word in words for each in (word, word.upper(), word.title())])


_SPECIAL: Final[dict[str, st.SearchStrategy[Any]]] = {
    "name": _WORDS,
    "account": _WORDS,
    "api_key": _KEYS,
    "secret_key": _KEYS,
    "base_url": _URLS,
    "gateway_url": _URLS,
    "proxy_url": _PROXIES,
    "stale_after": st.integers(86_401, 30 * 86_400)
    | st.sampled_from(["2d", "1w"]),  # longer than any interval
    "size_limit": _SIZES,
    "accounts": st.just([]),
    "shard": st.none(),
    "total_shards": _whole(1, 1),
    "web_listen_address": _LISTS_OF_ADDRESSES | _LISTS_OF_ADDRESSES.map(", ".join),
    "web_allowed_hosts": st.sampled_from(["*", "a.example", "a, b-c.d", []]),
    "web_telemetry_path": st.sampled_from(["/", "/metrics", "/a/b.c~d_e-f", "//"]),
}


def _good_values(model: type[BaseModel]) -> dict[str, st.SearchStrategy[Any]]:
    """Return a strategy for each setting, by its type if there is nothing special about it."""
    properties = model.model_json_schema()["properties"]
    return {
        name: _SPECIAL[name] if name in _SPECIAL else _by_type(properties[name])
        for name in properties
        if name != "config_file"
    }


def _by_type(given: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    given = given["anyOf"][0] if "anyOf" in given else given
    if given.get("format") == "path":
        return st.none()
    if "enum" in given:
        return _cases(*given["enum"])
    if given["type"] == "integer":
        return _whole(given["minimum"], given["maximum"])
    if given["type"] == "boolean":
        return st.booleans() | _cases("yes", "no", "on", "off", "true", "false", "1", "0", "y", "f")
    assert given["type"] == "number", f"no strategy for {given}: add one to _SPECIAL"
    return _DURATIONS


_SETTINGS: Final = _good_values(Settings)
_ENTRY: Final = _good_values(AccountEntry)
_SURE_KEYS: Final = {"api_key": "k", "secret_key": "s"}


@st.composite
def config_files(draw: st.DrawFn, *, good: bool = False) -> dict[str, Any]:
    """Return the values of a file; some are wrong unless `good`."""
    file = draw(_some_of(_SETTINGS, good=good))
    entries = draw(st.lists(_some_of(_ENTRY, good=good), max_size=3))
    if good or draw(st.integers(0, 3)):
        file |= _SURE_KEYS
        entries = [{**entry, "name": f"a{index}", **_SURE_KEYS} for index, entry in enumerate(entries)]
    if not good and not draw(st.integers(0, 5)):
        file[draw(st.text(max_size=12))] = draw(_ODD)
    return {**file, "accounts": entries}


@st.composite
def _some_of(draw: st.DrawFn, strategies: dict[str, st.SearchStrategy[Any]], *, good: bool) -> dict[str, Any]:
    names = draw(st.sets(st.sampled_from(sorted(strategies)), max_size=6))
    values = {name: draw(strategies[name]) for name in sorted(names)}
    if not good and draw(st.booleans()):
        values[draw(st.sampled_from(sorted(strategies)))] = draw(_ODD | _NEARLY_DURATIONS | _DIGITS)
    return values
