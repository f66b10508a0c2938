import asyncio
import errno
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, ClassVar

import pytest
import uvloop

from pin_exporter.toolkit.errors import ListenError
from pin_exporter.toolkit.web.config import WebConfig
from pin_exporter.toolkit.web.config_watcher import WebConfigWatcher
from pin_exporter.toolkit.web.limits import Connections, Limits, Refusal
from pin_exporter.toolkit.web.listener import Acceptor, bound_url, listen, local_url
from tests.support.certificates import Authority, Pair
from tests.support.clocks import FakeClock
from tests.support.web_site import HEAD, LOOPS, Client, Site, run_on_site, tls_config, trusting

Open = Callable[[str], socket.socket]

each_loop = pytest.mark.parametrize("loop", LOOPS)


@pytest.fixture
def opened() -> Iterator[Open]:
    """Opens listening sockets, and closes them after the test."""
    with ExitStack() as stack:
        yield lambda address: stack.enter_context(listen(address))


def can_connect(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    ("address", "reached", "bound", "local"),
    [
        ("127.0.0.1:0", {"127.0.0.1"}, "127.0.0.1", "127.0.0.1"),
        ("[::1]:0", {"::1"}, "[::1]", "[::1]"),
        ("localhost:0", {"127.0.0.1"}, "127.0.0.1", "127.0.0.1"),
        (":0", {"127.0.0.1", "::1"}, "[::]", "localhost"),
        ("0.0.0.0:0", {"127.0.0.1"}, "0.0.0.0", "localhost"),
    ],
)
def test_an_address_is_listened_on_and_no_other(
    opened: Open, address: str, reached: set[str], bound: str, local: str
) -> None:
    listening = opened(address)
    port = listening.getsockname()[1]
    assert {host for host in ("127.0.0.1", "::1") if can_connect(host, port)} == reached
    assert bound_url(listening, "https") == f"https://{bound}:{port}"
    assert local_url(listening, "https") == f"https://{local}:{port}"


def test_a_name_with_only_an_ipv6_address_is_listened_on_there(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = socket.getaddrinfo("::1", 0, type=socket.SOCK_STREAM)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    listening = opened("six.test:0")
    monkeypatch.undo()
    assert can_connect("::1", listening.getsockname()[1])


@pytest.mark.parametrize(
    "address",
    [
        "no-such-host.invalid:80",
        "a..b:80",
        "192.0.2.1:80",
        "[::1%none]:80",
        f"{'a' * 70}:80",
        "127.0.0.1:{}",
        ":{}",
    ],
)
def test_an_address_that_cannot_be_listened_on_is_reported_in_one_line(opened: Open, address: str) -> None:
    taken = opened(address.format(0)).getsockname()[1] if "{}" in address else 0
    address = address.format(taken)
    with pytest.raises(ListenError) as caught:
        listen(address)
    message = str(caught.value)
    assert address in message
    assert "--web.listen-address" in message
    assert "in use" in message or not taken
    assert "\n" not in message
    assert "(" not in message, "Python's own words"


@pytest.fixture(scope="module")
def server(authority: Authority) -> Pair:
    return authority.issue("server")


@pytest.fixture
def encrypted(authority: Authority, server: Pair) -> WebConfig:
    return tls_config(authority, server)


@each_loop
def test_each_connection_gets_the_newest_certificate(
    authority: Authority, encrypted: WebConfig, loop: str
) -> None:
    def served_to(client: Client) -> object:
        return client.writer.get_extra_info("peercert")["serialNumber"]

    async def see(site: Site) -> None:
        first = await site.connect(trusting(authority))
        assert b" 200 " in await first.get()
        site.watcher.config = tls_config(authority, authority.issue("renewed"))
        second = await site.connect(trusting(authority))
        assert b" 200 " in await second.get()
        assert served_to(first) != served_to(second)
        assert b" 200 " in await first.get()

    run_on_site(see, encrypted, loop=loop)


@each_loop
@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01\x02"])
def test_a_handshake_that_does_not_end_is_cut_off(encrypted: WebConfig, sent: bytes, loop: str) -> None:
    async def see(site: Site) -> None:
        client = await site.connect()
        client.writer.write(sent)
        await client.rest()
        await site.until(lambda: site.refused == {Refusal.SLOW: 1})
        assert not site.connections.handshakes

    run_on_site(see, encrypted, Limits(head_seconds=0.3), loop)


def test_handshakes_that_do_not_end_make_room_for_those_that_do(
    authority: Authority, encrypted: WebConfig
) -> None:
    async def see(site: Site) -> None:
        with ExitStack() as stack:
            for _ in range(20):
                stack.enter_context(socket.create_connection(site.address))
                client = await site.connect(trusting(authority))
                assert b" 200 " in await client.get()
                client.writer.close()
            await site.until(lambda: Refusal.CROWDED in site.refused)
        assert len(site.connections.handshakes) <= 8

    run_on_site(see, encrypted, Limits(connections=8))


@each_loop
def test_a_client_that_does_not_speak_tls_gets_a_hint(encrypted: WebConfig, loop: str) -> None:
    async def see(site: Site) -> None:
        client = await site.connect()
        client.writer.write(HEAD % b"")
        assert b"HTTPS" in await client.reader.read()
        assert site.refused == {Refusal.HANDSHAKE: 1}

    run_on_site(see, encrypted, loop=loop)


MUTUAL = ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: {}"


@each_loop
def test_a_client_without_a_valid_certificate_is_told_why(
    authority: Authority, server: Pair, loop: str
) -> None:
    config = tls_config(authority, server, MUTUAL.format(authority.path))
    stranger = Authority(authority.directory, "stranger").issue("mallory", usage="clientAuth")
    wrong_use = authority.issue("for-servers", usage="serverAuth")

    async def refused_with(site: Site, own: Pair | None) -> str:
        with pytest.raises(ssl.SSLError) as caught:
            await (await site.connect(trusting(authority, own))).get()
        return str(caught.value.reason)

    async def see(site: Site) -> None:
        assert "CERTIFICATE_REQUIRED" in await refused_with(site, None)
        assert "UNKNOWN_CA" in await refused_with(site, stranger)
        assert "UNSUPPORTED_CERTIFICATE" in await refused_with(site, wrong_use)
        assert site.refused == {Refusal.HANDSHAKE: 3}
        own = trusting(authority, authority.issue("alice", "DNS:alice.test", usage="clientAuth"))
        assert b" 200 " in await (await site.connect(own)).get()

    run_on_site(see, config, loop=loop)


@pytest.mark.parametrize("name", ["alice.test", "0:0:0:0:0:0:0:2", "spiffe://test/alice", "alice@test"])
def test_only_allowed_names_are_let_in(authority: Authority, server: Pair, name: str) -> None:
    more = MUTUAL.format(authority.path) + f', client_allowed_sans: [nobody, "{name}"]'
    sans = ("DNS:alice.test", "IP:::2", "URI:spiffe://test/alice", "email:alice@test")
    alice = trusting(authority, authority.issue("alice", *sans, usage="clientAuth"))
    bob = trusting(authority, authority.issue("bob", "DNS:bob.test", usage="clientAuth"))

    async def see(site: Site) -> None:
        assert b" 200 " in await (await site.connect(alice)).get()
        with pytest.raises((asyncio.IncompleteReadError, OSError)):
            await (await site.connect(bob)).get()
        assert site.refused == {Refusal.CERTIFICATE: 1}

    run_on_site(see, tls_config(authority, server, more))


def test_an_open_handshake_does_not_delay_the_end(encrypted: WebConfig) -> None:
    async def see(site: Site) -> None:
        stack.enter_context(socket.create_connection(site.address))
        await site.until(lambda: site.connections.handshakes)

    with ExitStack() as stack:
        run_on_site(see, encrypted)


def acceptor(new_protocol: Callable[[], asyncio.Protocol], connections: int = 48) -> Acceptor:
    watcher = WebConfigWatcher(None, WebConfig(), FakeClock())
    return Acceptor(lambda *_: new_protocol(), Connections(watcher, Limits(connections=connections)))


class _EnoughSeenError(Exception):
    pass


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ECONNABORTED])
def test_a_connection_that_cannot_be_accepted_does_not_end_the_server(opened: Open, number: int) -> None:
    class Loop(asyncio.SelectorEventLoop):
        failing: ClassVar = [OSError(number, "") for _ in range(3)]

        async def sock_accept(self, sock: socket.socket) -> tuple[socket.socket, Any]:
            if self.failing:
                raise self.failing.pop()
            raise _EnoughSeenError

    with asyncio.Runner(loop_factory=Loop) as runner, pytest.raises(ExceptionGroup) as caught:
        runner.run(acceptor(asyncio.Protocol).run([opened("127.0.0.1:0")]))
    assert caught.group_contains(_EnoughSeenError)
    assert not Loop.failing


def test_a_crowd_does_not_delay_who_comes_after_it(opened: Open) -> None:
    crowd, turns = 24, 12
    accepted: list[asyncio.BaseTransport] = []

    class Accepted(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            accepted.append(transport)

    async def pass_turns() -> None:
        for _ in range(turns):
            await asyncio.sleep(0)

    async def accept_some() -> int:
        accepting = asyncio.create_task(acceptor(Accepted).run([listening]))
        await pass_turns()
        soon = len(accepted)
        while len(accepted) < crowd:  # noqa: ASYNC110 - over sockets
            await asyncio.sleep(0)
        accepting.cancel()
        for transport in accepted:
            transport.close()
        await pass_turns()
        return soon

    listening = opened("127.0.0.1:0")
    with ExitStack() as stack:
        for _ in range(crowd):
            stack.enter_context(socket.create_connection(listening.getsockname()))
        assert uvloop.run(accept_some()) == crowd
