"""Scrape the exporters behind a URL, and see that they are ours; wait a minute for them to come up.

Arguments: the URL; how many shards there are; whether they want a password (yes, no or maybe) and a certificate
(yes or no). This has neither: of who wants one, it sees that they ask for it. It does not check their own
certificate, for it tells them nothing.
"""

import http.client
import re
import socket
import ssl
import sys
import time
from urllib.parse import urlsplit

url, shards, password, certificate = sys.argv[1:]
parts = urlsplit(url)
host, port = parts.hostname, parts.port
deadline = time.monotonic() + 60
unchecked = ssl.create_default_context()
unchecked.check_hostname = False
unchecked.verify_mode = ssl.CERT_NONE


def demands_a_certificate(address):
    """Return whether TLS fails without one. With TLS 1.3, a client learns that when it reads, or is cut off."""
    connected = False
    try:
        with socket.create_connection((address, port), timeout=5) as plain:
            with unchecked.wrap_socket(plain) as connection:
                connected = True
                return not connection.recv(1)
    except ssl.SSLError as error:
        return bool(re.search("CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE", str(error)))
    except ConnectionResetError:
        return connected
    except TimeoutError:
        if connected:
            sys.exit(f"{url}: lets in who has no certificate")
        raise


def scrape(address):
    """Return status and metrics."""
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(address, port, timeout=5, context=unchecked)
    else:
        connection = http.client.HTTPConnection(address, port, timeout=5)
    try:
        connection.request("GET", parts.path, headers={"Host": parts.netloc})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def look(address):
    """Return the shard at an address, None where it does not tell; raises OSError if it is not up yet."""
    if certificate == "yes":
        if not demands_a_certificate(address):
            raise OSError("fails, but not for want of a certificate")
        print(f"{address}: asks for a certificate, as it should")
        return None
    status, text = scrape(address)
    if status == 401 and password != "no":
        print(f"{address}: asks for a password, as it should")
        return None
    if status == 200 and password == "yes":
        sys.exit(f"{url}: lets in who has no password")
    if status != 200:
        raise OSError(f"answers {status}")
    if "\naiozpin_exporter_build_info{" not in text:
        sys.exit(f"{url}: answers, but not as pin-exporter")
    print(f"{address}: {len(text.splitlines())} lines of metrics")
    return int(float(re.search(r"^aiozpin_exporter_shard (\S+)", text, re.MULTILINE)[1]))


while True:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        seen = [look(address) for address in sorted({entry[4][0] for entry in found})]
        missing = set(range(int(shards))) - set(seen)
        if len(seen) < int(shards) or (missing and None not in seen):
            raise OSError(f"shards are missing: {', '.join(map(str, sorted(missing)))}")
        break
    except (OSError, http.client.HTTPException) as error:
        if time.monotonic() > deadline:
            sys.exit(f"{url}: {error}")
        time.sleep(1)
