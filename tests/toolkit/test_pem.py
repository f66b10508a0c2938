import os
import ssl
import subprocess

import pytest

from pin_exporter.toolkit.pem import load_certificate, trust_authorities
from tests.support.certificates import Authority, Pair


@pytest.fixture(scope="module")
def pair(authority: Authority) -> Pair:
    return authority.issue("server")


def load(certificate: bytes, key: bytes) -> None:
    load_certificate(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), certificate, key)


def trust(authorities: bytes) -> int:
    """Return the number of CAs in a context that trusts these."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trust_authorities(context, authorities)
    return len(context.get_ca_certs())


def test_a_certificate_and_its_key_are_loaded_from_one_text_or_two(pair: Pair) -> None:
    load(pair.certificate.read_bytes(), pair.key.read_bytes())
    load(pair.both.read_bytes(), pair.both.read_bytes())


def test_they_are_loaded_without_files_in_memory_too(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create")
    load(pair.certificate.read_bytes(), pair.key.read_bytes())


def encrypted(pair: Pair, *command: str) -> bytes:
    return subprocess.check_output(["openssl", *command, "-in", pair.key, "-passout", "pass:x"])


def test_what_cannot_be_used_is_refused_without_being_shown(authority: Authority, pair: Pair) -> None:
    certificate, key = pair.certificate.read_bytes(), pair.key.read_bytes()
    other = authority.issue("other")
    refused = {
        "contains no certificate in PEM format": (key, key),
        "the key is not in PEM format": (certificate, certificate),
        "the key does not belong to the certificate": (
            certificate,
            other.key.read_bytes(),
        ),
        "OpenSSL rejects the certificate or the key: .+": (certificate[:60] + certificate[80:], key),
    }
    for message, (given_certificate, given_key) in refused.items():
        with pytest.raises(ValueError, match=f"^{message}$"):
            load(given_certificate, given_key)
    for command in (("ec", "-aes128"), ("pkcs8", "-topk8")):
        with pytest.raises(ValueError, match="the key is encrypted"):
            load(certificate, encrypted(pair, *command))


def test_authorities_are_trusted_whatever_is_written_between_them(authority: Authority) -> None:
    bundle = (
        b"# Z\xc3\xbcrich\n"
        + authority.path.read_bytes()
        + b"\xff\n"
        + authority.issue("b").certificate.read_bytes()
    )
    assert trust(bundle) == 1
    for wrong in (b"", b"x", authority.path.read_bytes()[:80]):
        with pytest.raises(ValueError, match=r"^(contains no certificate|OpenSSL rejects it: )"):
            trust(wrong)
