import asyncio
import ssl
from pathlib import Path

import pytest
from pydantic import SecretStr

from pin_exporter.api.proxy_tls import Route
from pin_exporter.doctor.evidence import NetworkPath
from pin_exporter.doctor.network import look_at_path, without_password
from tests.support.certificates import self_signed
from tests.support.diagnosis import DoctorClock
from tests.support.servers import StrangeServer, silence

DAY_SECONDS = 86_400


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def look(url: str, timeout_seconds: float = 10.0, context: ssl.SSLContext | None = None) -> NetworkPath:
    proxy = Route().proxy_for(url)
    return asyncio.run(look_at_path(url, DoctorClock(), timeout_seconds, proxy=proxy, context=context))


def look_over_tls(certificate: Path, *, trusted: bool) -> NetworkPath:
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=str(certificate) if trusted else None)

    async def work() -> NetworkPath:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the server's view of a refusal
        async with StrangeServer(silence).listening(served) as server:
            path = await look_at_path(server.base_url("https"), DoctorClock(), 10.0, context=trusting)
            assert server.heads == []
            return path

    return asyncio.run(work())


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    return self_signed(folder, "IP:127.0.0.1")


def test_version_issuer_and_expiry_of_a_certificate_are_seen_without_a_request(certificate: Path) -> None:
    path = look_over_tls(certificate, trusted=True)

    assert (path.addresses, path.tls, path.issuer, path.tls_error) == (
        ("127.0.0.1",),
        "TLSv1.3",
        "test",
        None,
    )
    assert path.expires_at is not None
    assert path.expires_at > 1_700_000_000


def test_a_certificate_of_an_unknown_ca_is_an_error(certificate: Path) -> None:
    path = look_over_tls(certificate, trusted=False)

    assert path.tls_error is not None
    assert path.tls_error.startswith("self")
    assert path.tls is None


def test_a_certificate_for_another_name_is_an_error(tmp_path: Path) -> None:
    other = self_signed(tmp_path, "DNS:other.test")

    assert "127.0.0.1" in (look_over_tls(other, trusted=True).tls_error or "")


def test_a_handshake_without_an_answer_times_out() -> None:
    async def work() -> NetworkPath:
        async with StrangeServer(silence).listening() as server:
            return await look_at_path(server.base_url("https"), DoctorClock(), 1.0)

    assert "timeout" in (asyncio.run(work()).tls_error or "")


async def _answer_in_clear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


def test_a_server_without_tls_is_an_error() -> None:
    async def work() -> NetworkPath:
        answering = await asyncio.start_server(_answer_in_clear, "127.0.0.1", 0)
        async with answering:
            port = answering.sockets[0].getsockname()[1]
            return await look_at_path(f"https://127.0.0.1:{port}/api", DoctorClock(), 10.0)

    assert asyncio.run(work()).tls_error in (
        "wrong version number",
        "record layer failure",
    )  # by the version of OpenSSL


def test_a_name_that_does_not_exist_is_an_error() -> None:
    path = look("https://no-such-host.invalid/api")

    assert path.addresses == ()
    assert path.resolve_error


@pytest.mark.parametrize("host", ["a..b", "x" * 70 + ".test"])
def test_invalid_names_are_an_error(host: str) -> None:
    assert look(f"https://{host}:1/api").resolve_error == "invalid host name"


def test_a_port_where_nobody_listens_is_left_to_the_requests() -> None:
    path = look("https://127.0.0.1:1/api")

    assert (path.addresses, path.resolve_error, path.tls_error) == (("127.0.0.1",), None, None)


def test_plain_http_is_only_resolved() -> None:
    path = look("http://127.0.0.1:1/api")

    assert (path.addresses, path.tls, path.tls_error) == (("127.0.0.1",), None, None)


@pytest.mark.parametrize(
    ("variables", "shown"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://user:pass@proxy.test:3128"}, "http://proxy.test:3128"),
        ({"https_proxy": "proxy.test:3128"}, "http://proxy.test:3128"),
        ({"HTTPS_PROXY": "http://user:pass@[2001:db8::1]:3128"}, "http://[2001:db8::1]:3128"),
        ({"ALL_PROXY": "http://proxy.test"}, "http://proxy.test"),
        ({"HTTP_PROXY": "http://proxy.test:3128"}, None),
        ({"HTTPS_PROXY": "http://proxy.test", "NO_PROXY": "api.test"}, None),
        ({"HTTPS_PROXY": "http://proxy.test", "NO_PROXY": "api.test:8443"}, None),
        ({"HTTPS_PROXY": "http://proxy.test", "NO_PROXY": "*"}, None),
        ({"HTTPS_PROXY": "http://proxy.test", "NO_PROXY": "other.test"}, "http://proxy.test"),
        ({"HTTPS_PROXY": "http://user:pass@proxy.test:99999"}, "with an invalid URL"),
        ({"HTTPS_PROXY": "http://[user:pass"}, "with an invalid URL"),
    ],
)
def test_the_proxy_of_the_environment_is_named_without_its_password(
    variables: dict[str, str], shown: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    proxy = Route().proxy_for("https://api.test:8443/api")
    assert (proxy and without_password(proxy)) == shown


def test_the_proxy_of_an_account_goes_before_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", "*")

    own = Route(proxy_url=SecretStr("http://user:pass@own.test:1"))
    assert own.proxy_for("https://api.test") == "http://user:pass@own.test:1"
    monkeypatch.delenv("NO_PROXY")
    assert Route(proxy_url=SecretStr("direct")).proxy_for("https://api.test") is None


def test_behind_a_proxy_nothing_else_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:pass@proxy.test:3128")

    path = look("https://no-such-host.invalid/api")

    assert (path.proxy, path.addresses, path.resolve_error) == ("http://proxy.test:3128", (), None)
