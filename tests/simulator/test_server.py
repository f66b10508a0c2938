import asyncio
import signal

import httpx
import pytest

from pin_exporter.simulator import SimulatedAccount, Simulator, base_url, open_socket, serve

from .harness import keys


def test_it_serves_as_a_task_leaves_signals_alone_and_closes_its_socket() -> None:
    account = SimulatedAccount("a", pins=5)
    sock = open_socket("127.0.0.1:0")
    url = base_url(sock)

    async def run() -> int:
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(serve(Simulator([account]), sock, stop))
            async with httpx.AsyncClient() as client:
                response = await client.get(f"{url}/pinning/pins/", headers=keys(account))
            assert signal.getsignal(signal.SIGTERM) is before
            stop.set()
        return response.status_code

    before = signal.getsignal(signal.SIGTERM)
    assert asyncio.run(run()) == 200
    assert sock.fileno() == -1


@pytest.mark.parametrize(
    "address", ["", "localhost", "localhost:", ":http", "127.0.0.1:65536", "127.0.0.1:-1"]
)
def test_a_bad_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="listen address must be host:port"):
        open_socket(address)


@pytest.mark.parametrize(
    ("address", "host"),
    [("127.0.0.1:0", "127.0.0.1"), ("0.0.0.0:0", "127.0.0.1"), ("localhost:0", "127.0.0.1")],
)
def test_the_base_url_is_one_that_a_local_client_can_use(address: str, host: str) -> None:
    with open_socket(address) as sock:
        assert base_url(sock) == f"http://{host}:{sock.getsockname()[1]}/api"
