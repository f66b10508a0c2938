import asyncio
import ssl
from pathlib import Path

import pytest

from pin_exporter.doctor.evidence import NetworkPath
from pin_exporter.doctor.network import look_at_path, without_password
from tests.support.certificates import self_signed
from tests.support.diagnosis import DoctorClock
from tests.support.servers import LoopbackServer, StrangeServer, silence


def look(url: str, timeout_seconds: float = 10.0, proxy: str | None = None) -> NetworkPath:
    return asyncio.run(look_at_path(url, DoctorClock(), timeout_seconds, proxy=proxy))


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
    return self_signed(tmp_path_factory.mktemp("tls"), "IP:127.0.0.1")


def test_version_issuer_and_expiry_of_a_certificate_are_seen_without_a_request(certificate: Path) -> None:
    path = look_over_tls(certificate, trusted=True)

    assert (path.addresses, path.tls, path.issuer) == (("127.0.0.1",), "TLSv1.3", "test")
    assert (path.expires_at or 0) > 1_700_000_000
    assert path.tls_error is None


def test_a_certificate_of_an_unknown_ca_or_for_another_name_is_an_error(
    certificate: Path, tmp_path: Path
) -> None:
    unknown = look_over_tls(certificate, trusted=False)
    other = look_over_tls(self_signed(tmp_path, "DNS:other.test"), trusted=True)

    assert (unknown.tls_error or "").startswith("self")
    assert "127.0.0.1" in (other.tls_error or "")
    assert unknown.tls is other.tls is None


def test_a_handshake_without_an_answer_times_out() -> None:
    async def work() -> NetworkPath:
        async with StrangeServer(silence).listening() as server:
            return await look_at_path(server.base_url("https"), DoctorClock(), 1.0)

    assert "timeout" in (asyncio.run(work()).tls_error or "")


class PlainServer(LoopbackServer):
    """Answers a handshake in clear."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def test_a_server_without_tls_is_an_error() -> None:
    async def work() -> NetworkPath:
        async with PlainServer().listening() as server:
            return await look_at_path(f"https://127.0.0.1:{server.port}/api", DoctorClock(), 10.0)

    # depends on the version of OpenSSL
    assert asyncio.run(work()).tls_error in ("wrong version number", "record layer failure")


def test_a_name_that_does_not_exist_is_an_error() -> None:
    path = look("https://no-such-host.invalid/api")

    assert path.addresses == ()
    assert path.resolve_error


@pytest.mark.parametrize("host", ["a..b", "x" * 70 + ".test"])
def test_an_invalid_name_is_an_error(host: str) -> None:
    assert look(f"https://{host}:1/api").resolve_error == "invalid host name"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_port_without_a_listener_is_left_to_the_requests(scheme: str) -> None:
    path = look(f"{scheme}://127.0.0.1:1/api")

    assert path == NetworkPath("127.0.0.1", addresses=("127.0.0.1",), looked_at=path.looked_at)


@pytest.mark.parametrize(
    ("proxy", "shown"),
    [
        ("http://user:pass@proxy.test:3128", "http://proxy.test:3128"),
        ("user:pass@proxy.test:3128", "http://proxy.test:3128"),
        ("https://user:pass@[2001:db8::1]:3128", "https://[2001:db8::1]:3128"),
        ("http://proxy.test", "http://proxy.test"),
        ("http://user:pass@proxy.test:99999", "with an invalid URL"),
        ("http://[user:pass", "with an invalid URL"),
    ],
)
def test_a_proxy_is_shown_without_its_password(proxy: str, shown: str) -> None:
    assert without_password(proxy) == shown


def test_behind_a_proxy_nothing_else_is_looked_at() -> None:
    path = look("https://no-such-host.invalid/api", proxy="http://user:pass@proxy.test:3128")

    assert (path.proxy, path.addresses, path.resolve_error) == ("http://proxy.test:3128", (), None)
