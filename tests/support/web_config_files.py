"""Hypothesis strategies for web config files: valid, almost valid and arbitrary values."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from hypothesis import strategies as st

from tests.support.certificates import Authority
from tests.support.service import API_KEY, SECRET_KEY

HASH: Final = f"$2b$10$abcdefghijklmnopqrstuO{API_KEY}abcdefg"
"""Looks like a bcrypt hash and contains a key, so that searches for keys find it."""
FILES: Final = ("server.crt", "server.key", "clients.crt")
"""Names of the files that `contents` returns."""
_BAD_HASHES: Final = (HASH[:-1], HASH.replace("$10$", "$17$"), HASH.replace("$10$", "$१०$"), HASH + "\n")
_TEXTS: Final = st.text(max_size=20) | st.sampled_from(
    [
        "",
        "~",
        "x",
        "\ud800",
        "a\0b",
        "a\nb",
        "é",
        "\u2028",
        "0",
        "yes",
        API_KEY,
        SECRET_KEY,
        HASH,
        *_BAD_HASHES,
    ]
)
_ODD: Final = st.recursive(
    _TEXTS | st.none() | st.booleans() | st.integers() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=5,
)
_NAMES_OF_FILES: Final = st.sampled_from(
    [*FILES, "./server.crt", ".", "none", "/none", "/dev/null", "x" * 300, f"/{API_KEY}", f"a\0{API_KEY}"]
)


@cache
def contents() -> dict[str, bytes]:
    """Return a certificate, its key and its CA by their names in FILES."""
    with TemporaryDirectory() as folder:
        authority = Authority(Path(folder))
        server = authority.issue("server")
        paths = (server.certificate, server.key, authority.path)
        return {name: path.read_bytes() for name, path in zip(FILES, paths, strict=True)}


@st.composite
def _pems(draw: st.DrawFn, *names: str) -> str:
    """Return inline PEM: valid, of another kind, damaged, or a bare key."""
    text = contents()[draw(st.sampled_from((*names, *names, *FILES)))].decode()
    start = draw(st.just(0) | st.integers(0, len(text)))
    cut = text[:start] + text[start + draw(st.integers(0, 60)) :] if start else text
    bare = f"-----BEGIN PRIVATE KEY-----\n{API_KEY}\n-----END PRIVATE KEY-----\n"
    odd = text[:start] + draw(_TEXTS) + text[start:]
    return draw(st.sampled_from([text, text, cut, odd, cut + text, bare]))


_TLS: Final[dict[str, st.SearchStrategy[Any]]] = {
    "cert_file": _NAMES_OF_FILES,
    "key_file": _NAMES_OF_FILES,
    "cert": _pems("server.crt"),
    "key": _pems("server.key"),
    "client_auth_type": st.sampled_from(
        ["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert", "RequireAnyClientCert"]
    ),
    "client_ca_file": _NAMES_OF_FILES,
    "client_ca": _pems("clients.crt"),
    "client_allowed_sans": st.lists(
        st.sampled_from(
            ["localhost", "10.0.0.1", "::1", "0:0::1", "fe80::1%eth0", "a@b.test", "spiffe://a/b"]
        )
        | _TEXTS,
        max_size=3,
    ),
    "min_version": st.sampled_from(["TLS10", "TLS11", "TLS12", "TLS13", "1.3"]),
    "max_version": st.sampled_from(["TLS10", "TLS11", "TLS12", "TLS13", 13]),
    "cipher_suites": st.lists(
        st.sampled_from(
            [
                "TLS_AES_128_GCM_SHA256",
                "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
                "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
                "TLS_RSA_WITH_RC4_128_SHA",
                "ALL:@SECLEVEL=0",
            ]
        ),
        max_size=3,
    ),
    "prefer_server_cipher_suites": st.booleans() | st.sampled_from(["on", "No", "TRUE"]),
    "curve_preferences": st.lists(
        st.sampled_from(["CurveP256", "CurveP384", "CurveP521", "X25519", "X25519MLKEM768"]), max_size=2
    ),
}
_HTTP: Final = {
    "http2": st.booleans(),
    "headers": st.dictionaries(
        st.sampled_from(
            [
                "Content-Security-Policy",
                "Strict-Transport-Security",
                "X-Content-Type-Options",
                "X-Frame-Options",
                "X-XSS-Protection",
                "x-frame-options",
                "Set-Cookie",
            ]
        ),
        st.sampled_from(["nosniff", "deny", "sameorigin", "max-age=1", "a\r\nSet-Cookie: b"]) | _TEXTS,
        max_size=4,
    ),
}
_RATE_LIMIT: Final = {
    "interval": st.sampled_from([0, "0s", "00", "0µs", "1s", ""]),
    "burst": st.integers(),
}
_USERS: Final = st.dictionaries(
    st.sampled_from(["alice", "zoë", "a:b", HASH, f"alice:{HASH}", f" {HASH}"]) | st.text(max_size=9),
    st.sampled_from([HASH, *_BAD_HASHES, API_KEY]) | _ODD,
    max_size=4,
)


@st.composite
def _some_of(draw: st.DrawFn, strategies: dict[str, st.SearchStrategy[Any]]) -> dict[str, Any]:
    names = draw(st.sets(st.sampled_from(sorted(strategies)), max_size=7))
    values = {name: draw(strategies[name]) for name in sorted(names)}
    if draw(st.integers(0, 2)) == 0:
        values[draw(st.sampled_from(sorted(strategies)) | _TEXTS)] = draw(_ODD)
    return values


@st.composite
def _tls_sections(draw: st.DrawFn) -> dict[str, Any]:
    """Return a section, mostly with a valid certificate, or nothing else would be checked."""
    section = draw(_some_of(_TLS))
    good = draw(st.sampled_from(["file", "file", "text", ""]))
    if good:
        section = {name: value for name, value in section.items() if not name.startswith(("cert", "key"))}
    if good == "file":
        section |= {"cert_file": "server.crt", "key_file": "server.key"}
    elif good == "text":
        section |= {"cert": draw(_TLS["cert"]), "key": draw(_TLS["key"])}
    return section


_SECTIONS: Final[dict[str, st.SearchStrategy[Any]]] = {
    "tls_server_config": _tls_sections(),
    "http_server_config": _some_of(_HTTP),
    "basic_auth_users": _USERS,
    "rate_limit": _some_of(_RATE_LIMIT),
}


def web_config_files() -> st.SearchStrategy[dict[str, Any]]:
    """Return the values of a file, many of them wrong."""
    return _some_of(_SECTIONS)
