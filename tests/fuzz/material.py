"""Examples for fuzzing: valid, damaged and random files, bodies and responses."""

import gzip
import json
import zlib
from pathlib import Path
from typing import Any, Final

import yaml
from hypothesis import strategies as st

from tests.support.config_files import config_files
from tests.support.service import API_KEY, SECRET_KEY, page, row
from tests.support.web_config_files import HASH, web_config_files

EXAMPLE: Final = (Path(__file__).parents[2] / "docs" / "config.example.yml").read_bytes()
_PLANTED: Final = EXAMPLE.replace(b"the-api-key", API_KEY.encode()).replace(
    b"the-secret-key", SECRET_KEY.encode()
)
_WEB_EXAMPLE: Final = f"""\
tls_server_config:
  cert_file: server.crt
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: clients.crt
  client_allowed_sans: [localhost]
http_server_config:
  headers:
    X-Frame-Options: deny
basic_auth_users:
  alice: {HASH}
  bob: {HASH}
rate_limit:
  interval: 0s
""".encode()
_YAML: Final = st.text("{}[]:,-#&*!|>'\"%@`?\\ \n\t~<=.ab01\x00\x85\u2028\ud7ff\U0001f600", max_size=200)
_ESCAPES: Final = (b'"\\ud800"', b'"\\U00110000"', b'"\\UFFFFFFFF"', b"!x ")
_WORDS: Final = st.text(max_size=30) | st.sampled_from(
    [API_KEY, SECRET_KEY, f"{'x' * 190}{API_KEY}", "", "0"]
)
_NUMBERS: Final = (
    st.integers() | st.integers(-(10**400), 10**400) | st.floats(allow_nan=False, allow_infinity=False)
)
JSON: Final = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_WORDS, inner, max_size=4),
    max_leaves=12,
)


def _nested(*depths: int) -> st.SearchStrategy[bytes]:
    openings = st.sampled_from([b"[", b'{"a":', b"[{", b"- "])
    return st.builds(lambda depth, opening: opening * depth, st.sampled_from(depths), openings)


@st.composite
def _damaged(draw: st.DrawFn, good: bytes) -> bytes:
    """Return valid bytes with pieces deleted, inserted, repeated and reversed."""
    body = bytearray(good)
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(body)))
        end = draw(st.integers(start, min(len(body), start + 60)))
        piece = bytes(body[start:end])
        other = draw(
            st.sampled_from(
                [b"", piece * 2, piece[::-1], b"\xff", b"\x00", b"\n", b"'", b'"', b": ", b"- ", *_ESCAPES]
            )
        )
        body[start:end] = other if draw(st.booleans()) else draw(st.binary(max_size=8))
    return bytes(body)


def _replaced(draw: st.DrawFn, value: Any) -> Any:
    """Return JSON with some parts replaced."""
    if draw(st.integers(0, 12)) == 0:
        return draw(JSON)
    if isinstance(value, dict):
        kept = {name: _replaced(draw, inner) for name, inner in value.items() if draw(st.integers(0, 15))}
        return {**kept, **(draw(st.dictionaries(_WORDS, JSON, max_size=1)))}
    return [_replaced(draw, inner) for inner in value] if isinstance(value, list) else value


@st.composite
def _pages_of_another_shape(draw: st.DrawFn) -> bytes:
    rows = [row(number) for number in range(draw(st.integers(0, 3)))]
    return json.dumps(_replaced(draw, json.loads(page(rows)))).encode()


def config_contents() -> st.SearchStrategy[bytes]:
    """Return config files: YAML with odd values, a damaged example, and random bytes."""
    return st.one_of(
        config_files().map(lambda values: json.dumps(values).encode()),
        st.builds(lambda values: json.dumps({**values, "api_key": API_KEY}).encode(), config_files()),
        _damaged(_PLANTED),
        _YAML.map(lambda text: text.encode("utf-8", "surrogatepass")),
        _nested(3, 50, 1_000),
        st.binary(max_size=300),
    )


def web_config_contents() -> st.SearchStrategy[bytes]:
    """Return web config files: sections with odd values, a damaged example, and random bytes."""
    return st.one_of(
        web_config_files().map(lambda values: json.dumps(values).encode()),
        web_config_files().map(lambda values: yaml.safe_dump(values).encode("utf-8", "surrogatepass")),
        _damaged(_WEB_EXAMPLE),
        st.builds(lambda text: _WEB_EXAMPLE + text.encode("utf-8", "surrogatepass"), _YAML),
        _nested(3, 50, 1_000),
        st.binary(max_size=300),
    )


def bodies() -> st.SearchStrategy[bytes]:
    """Return response bodies: pages with damaged bytes or values, other JSON, and random bytes."""
    return st.one_of(
        _damaged(page([row(1), row(2)])),
        _pages_of_another_shape(),
        JSON.map(lambda value: json.dumps(value).encode()),
        st.builds(lambda value: json.dumps({"status": value, "message": value}).encode(), JSON),
        _nested(3, 100, 2_000, 20_000),
        st.binary(max_size=300),
    )


@st.composite
def responses(draw: st.DrawFn) -> tuple[int, list[tuple[str, str]], bytes]:
    """Return status, headers and body, which can be compressed, or wrongly labelled as compressed."""
    body = draw(bodies())
    texts = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=60)
    encoding = draw(st.sampled_from(["", "", "", "gzip", "x-gzip", "deflate", "br", "identity"]))
    if encoding and draw(st.booleans()):
        body = gzip.compress(body) if "gzip" in encoding else zlib.compress(body)
        body = draw(_damaged(body)) if draw(st.booleans()) else body
    names = st.sampled_from(
        [
            *("Retry-After", "Location", "Content-Type", "Set-Cookie", "Server", "X-A"),
            *("Date", "X-RateLimit-Limit", "RateLimit-Policy"),
        ]
    )
    headers = draw(
        st.lists(st.tuples(names, texts | st.sampled_from([API_KEY, "1e9", "-1", "9" * 400])), max_size=4)
    )
    dates = st.datetimes().map(lambda when: when.strftime("%a, %d %b %Y %H:%M:%S GMT"))
    headers += draw(st.lists(st.tuples(st.just("Retry-After"), dates), max_size=1))
    return (
        draw(st.integers(100, 599) | st.just(200)),
        [*headers, *([("Content-Encoding", encoding)] * bool(encoding))],
        body,
    )
