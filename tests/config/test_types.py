from collections.abc import Mapping

import pytest
from pydantic import ValidationError

from pin_exporter.config.settings import Settings
from pin_exporter.config.types import is_exposed

ACCEPTED: Mapping[str, Mapping[object, object]] = {
    "poll_interval": {"90": 90, "60s": 60, "5m": 300, "1h30m": 5_400, "1.5m": 90, " 2m ": 120},
    "size_limit": {
        "1000": 1_000,
        "500GB": 500 * 10**9,
        "500G": 500 * 10**9,
        "2TiB": 2 * 2**40,
        "1.5 KiB": 1_536,
        "1": 1,
        2**63 - 1: 2**63 - 1,
        f"{2**63 - 1}": 2**63 - 1,
        "8191PiB": 8191 * 2**50,
    },
    "log_level": {
        "DEBUG": "debug",
        "Warning": "warning",
        "error": "error",
        "warn": "warning",
        "WARN": "warning",
    },
    "base_url": {
        "https://api.test/api": "https://api.test/api",
        "http://127.0.0.1:8080/api//": "http://127.0.0.1:8080/api",
        "https://[::1]:8443": "https://[::1]:8443",
    },
    "web_listen_address": {
        ":10242": (":10242",),
        "127.0.0.1:1, [::1]:65535": ("127.0.0.1:1", "[::1]:65535"),
        ("localhost:0", ":2"): ("localhost:0", ":2"),
        "[fe80::1%eth0]:80": ("[fe80::1%eth0]:80",),
    },
    "web_allowed_hosts": {
        "*": ("*",),
        "Exporter.Example, pin_exporter.monitoring.svc": ("exporter.example", "pin_exporter.monitoring.svc"),
        ("a", "xn--bcher-kva.example"): ("a", "xn--bcher-kva.example"),
    },
    "web_telemetry_path": {path: path for path in ("/", "/metrics", "/a/b.c~d_e-f", "/-x", "/metrics/")},
}
REFUSED: Mapping[str, list[object]] = {
    "poll_interval": ["", "0", "0.5s", "25h", "-5", "5 m", "1e3", "nan", "inf", "m", True, []],
    "stale_after": ["0", "31d", "later"],
    "request_timeout": ["0", "0s", "2h", "ever"],
    "requests_per_minute": ["1", "60001", "many", "1.5", ""],
    "page_size": ["9", "10001", "all"],
    "size_limit": [
        "0",
        0,
        "0.4",
        "0 TiB",
        "-1",
        "5 pounds",
        "",
        "TB",
        "9" * 41,
        True,
        2**63,
        "8192PiB",
        f"{'9' * 32}TB",
    ],
    "account": ["", "-a", "a b", "a\n", "ä", "a" * 64, 'a"', 5],
    "api_key": ["", " ", "two words", "ä", "\x00", '"quoted"', "x" * 5_000, 5],
    "log_level": ["loud"],
    "log_format": ["xml"],
    "base_url": [
        *["", "api.test/api", "ftp://api.test", "https://", "https:///api", "https://user:password@api.test"],
        *["https://user@api.test", "https://api.test/?key=x", "https://api.test/#x", "https://api.test:0"],
        *["https://api.test:99999", "https://api.test:x", "https://[::1", "https://api.test/a b"],
        *["https://api.test/\n", "https://äpi.test"],
    ],
    "proxy_url": [
        *["socks5://127.0.0.1:9", "ftp://127.0.0.1:9", "127.0.0.1:3128", "Direct", "http://p p:9"],
        *[
            "http://u:p/x@127.0.0.1:9",
            "http://u:p#@127.0.0.1:9",
            "http://u:p@127.0.0.1:99999",
            "http://u:p@/",
        ],
    ],
    "web_listen_address": [
        *["", "10242", ":", ":x", ":65536", "::1:80", "a b:80", ":1,", ":1,:1", "http://x:80"],
        *[[], [""], [80], {"a": 1}],
    ],
    "web_allowed_hosts": ["", "a,", "a:80", "http://a", "*.a", "-a", "a b", "bücher.example", [""], [80], 80],
    "web_telemetry_path": [
        *["", "metrics", "/-/ready", "/-", "/-/", "/a?b", "/a b", "/{x}", "/ä", "/%2e", None],
        *["/accounts/a", "/runbooks/a", "/style.css", "/favicon.ico"],  # pages of the status page
    ],
    "shard": ["", "-1", "pin-exporter", "pin-exporter-01"],
}


@pytest.mark.parametrize(
    ("name", "value", "result"), [(name, *pair) for name, pairs in ACCEPTED.items() for pair in pairs.items()]
)
def test_a_value_is_accepted_and_normalized(name: str, value: object, result: object) -> None:
    assert getattr(Settings.model_validate({name: value}), name) == result


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in REFUSED.items() for value in values]
)
def test_a_value_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({name: value})
    assert {error["loc"][0] for error in caught.value.errors()} == {name}


@pytest.mark.parametrize(
    ("url", "exposed"),
    [
        ("https://api.example/api", False),
        ("http://localhost:1/api", False),
        ("http://127.0.0.2:1/api", False),
        ("http://[::1]:1/api", False),
        ("http://api.example/api", True),
        ("http://127.example/api", True),
        ("http://10.0.0.1/api", True),
    ],
)
def test_plain_http_to_another_machine_exposes_the_keys(url: str, exposed: bool) -> None:
    assert is_exposed(url, through_proxy=False) is exposed
    assert is_exposed(url, through_proxy=True) is url.startswith("http:")
