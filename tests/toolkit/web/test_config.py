import errno
import json
import os
import ssl
from collections.abc import Callable
from pathlib import Path

import bcrypt
import pytest
from hypothesis import HealthCheck, given, settings

from pin_exporter.toolkit.errors import SettingsError
from pin_exporter.toolkit.web.config import read_web_config
from tests.support.certificates import Authority, Pair
from tests.support.web_config_files import web_config_files
from tests.toolkit.test_yaml_file import nobody

HASH = bcrypt.hashpw(b"x", b"$2b$04$" + b"abcdefghijklmnopqrstuu").decode()
TLS = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n  "
MUTUAL = TLS + "client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: "
Written = Callable[[str], Path]


@pytest.fixture(scope="module")
def server(authority: Authority) -> Pair:
    return authority.issue("server")


@pytest.fixture
def written(tmp_path: Path, authority: Authority, server: Pair) -> Written:
    """Writes the file, into a folder with a certificate, its key, and an authority."""
    for source in (server.certificate, server.key):
        (tmp_path / source.name).write_bytes(source.read_bytes())
    (tmp_path / "clients.crt").write_bytes(authority.path.read_bytes())
    (tmp_path / "other.key").write_bytes(authority.pair.key.read_bytes())

    def write(content: str) -> Path:
        path = tmp_path / "web.yml"
        path.write_text(content)
        return path

    return write


def problems(path: Path) -> list[str]:
    """Return the problems of a bad file, without its path."""
    with pytest.raises(SettingsError) as caught:
        read_web_config(path)
    return [problem.removeprefix(f"{path}:") for problem in caught.value.problems]


@pytest.mark.parametrize("content", ["", "{}\n", "basic_auth_users:\ntls_server_config: {}\n"])
def test_an_empty_file_protects_nothing(written: Written, content: str) -> None:
    config = read_web_config(written(content))
    assert (config.tls, dict(config.users), dict(config.headers), config.files) == (None, {}, {}, ())
    assert config.scheme == "http"


def test_paths_are_relative_to_the_folder_of_the_file_and_versions_1_2_and_1_3(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(TLS)
    monkeypatch.chdir("/")
    config = read_web_config(path)
    assert config.files == (path.parent / "server.crt", path.parent / "server.key")
    assert config.scheme == "https"
    default = context_of(path)
    assert default.minimum_version == ssl.TLSVersion.TLSv1_2
    assert default.maximum_version == ssl.TLSVersion.TLSv1_3
    assert context_of(written(TLS + "min_version: TLS13")).minimum_version == ssl.TLSVersion.TLSv1_3
    assert context_of(written(TLS + "max_version: TLS12")).maximum_version == ssl.TLSVersion.TLSv1_2


def test_certificate_key_and_ca_may_be_inline(written: Written, authority: Authority, server: Pair) -> None:
    def block(path: Path) -> str:
        return "|\n" + "".join(f"    {line}\n" for line in path.read_text().splitlines())

    content = f"tls_server_config:\n  cert: {block(server.certificate)}  key: {block(server.key)}"
    content += f"  client_ca: {block(authority.path)}  client_auth_type: RequireAndVerifyClientCert\n"
    config = read_web_config(written(content))
    assert config.tls is not None
    assert config.tls.context.verify_mode == ssl.CERT_REQUIRED
    assert config.files == ()


def context_of(path: Path) -> ssl.SSLContext:
    tls = read_web_config(path).tls
    assert tls is not None
    return tls.context


@pytest.mark.parametrize(
    ("mode", "meant"),
    [("VerifyClientCertIfGiven", ssl.CERT_OPTIONAL), ("RequireAndVerifyClientCert", ssl.CERT_REQUIRED)],
)
def test_client_certificates_can_be_verified(written: Written, mode: str, meant: ssl.VerifyMode) -> None:
    path = written(TLS + f"client_auth_type: {mode}\n  client_ca_file: clients.crt\n")
    assert context_of(path).verify_mode == meant
    assert path.parent / "clients.crt" in read_web_config(path).files


def test_cipher_suites_are_chosen_by_their_names_in_go(written: Written) -> None:
    named = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"
    context = context_of(
        written(TLS + f"cipher_suites: [{named}, TLS_AES_128_GCM_SHA256]\n  curve_preferences: [X25519]\n")
    )
    chosen = [cipher["name"] for cipher in context.get_ciphers() if not cipher["name"].startswith("TLS_")]
    assert chosen == ["ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"]
    assert context.options & ssl.OP_CIPHER_SERVER_PREFERENCE
    other = context_of(written(TLS + "prefer_server_cipher_suites: false\n"))
    assert not other.options & ssl.OP_CIPHER_SERVER_PREFERENCE


def test_headers_and_users_are_read(written: Written) -> None:
    headers = "{http2: false, headers: {X-Frame-Options: deny, X-XSS-Protection: ''}}"
    config = read_web_config(written(f"http_server_config: {headers}\nbasic_auth_users:\n  zoë: {HASH}\n"))
    assert config.headers == {"X-Frame-Options": "deny"}
    assert config.users == {"zoë".encode(): HASH.encode()}


MUTUAL_CA = MUTUAL + "clients.crt"
HEADERS = "http_server_config:\n  headers:\n    "
ALICE = "basic_auth_users:\n  alice: "
PROBLEMS = [
    ("tls_config: {}", "1: tls_config: …did you mean tls_server_config?"),
    (TLS + "cert_fil: x", "4: tls_server_config.cert_fil: …did you mean cert_file?"),
    ("tls_server_config: yes", "1: tls_server_config: …mapping"),
    (TLS.rstrip() + "\nbasic_auth_users: ''", "4: basic_auth_users: …mapping"),
    ("tls_server_config:\n  cert_file: server.crt", "1: tls_server_config.key_file: …missing"),
    ("tls_server_config:\n  key_file: server.key", "1: tls_server_config.cert_file: …missing"),
    (TLS.replace("server.key", "other.key"), "2: tls_server_config.cert_file: …does not belong"),
    (TLS.replace("server.key", "none.key"), "3: tls_server_config.key_file: …folder of web.yml"),
    (TLS.replace("cert_file: server.crt", 'cert: "\\xe9"'), "2: tls_server_config.cert: …no certificate"),
    (TLS + "key: x", "3: tls_server_config.key_file: …both set"),
    (TLS + "min_version: TLS10", "4: tls_server_config.min_version: …one of TLS12, TLS13"),
    (TLS + "min_version: TLS13\n  max_version: TLS12", "5: tls_server_config.max_version: …lower than"),
    (TLS + "client_auth_type: RequireAnyClientCert", "4: tls_server_config.client_auth_type: …one of No"),
    (TLS + "client_auth_type: VerifyClientCertIfGiven", "4: tls_server_config.client_auth_type: …requires"),
    (TLS + "client_ca_file: clients.crt", "4: tls_server_config.client_ca_file: …no effect"),
    (MUTUAL + "server.key", "5: tls_server_config.client_ca_file: …no certificate"),
    (TLS + "client_allowed_sans: [a]", "4: tls_server_config.client_allowed_sans: …requires client_auth"),
    (TLS + "client_allowed_sans: a", "4: tls_server_config.client_allowed_sans: …must be a list"),
    (MUTUAL_CA + "\n  client_allowed_sans: []", "6: tls_server_config.client_allowed_sans: …no client would"),
    (TLS + "curve_preferences: [X25519, CurveP256]", "4: tls_server_config.curve_preferences: …one of Cur"),
    (TLS + "cipher_suites: [TLS_AES_128_GCM_SHA256]", "4: tls_server_config.cipher_suites: …min_version"),
    (TLS + "cipher_suites: [RC4]", "4: tls_server_config.cipher_suites: …TLS_ECDHE_ECDSA_WITH_AES_128_GCM"),
    (TLS + "prefer_server_cipher_suites: x", "4: tls_server_config.prefer_server_cipher_suites: …true or"),
    ("http_server_config:\n  http2: true", "2: http_server_config.http2: …not supported"),
    (HEADERS + "X-Frame-Option: deny", "3: http_server_config.headers.X-Frame-Option: …X-Frame-Options?"),
    (HEADERS + "X-Frame-Options: allow", "3: http_server_config.headers.X-Frame-Options: …deny or same"),
    (HEADERS + 'X-XSS-Protection: "a\\r\\nSet-Cookie: b"', "3: http_server_config.headers.X-XSS-Pr…one line"),
    ("rate_limit:\n  interval: 1s", "1: rate_limit: …not supported"),
    (ALICE + "secret", "2: basic_auth_users.alice: …htpasswd"),
    (ALICE + HASH.replace("$04$", "$17$"), "2: basic_auth_users.alice: …4 to 16"),
    (ALICE + HASH.replace("04", "१०", 1), "2: basic_auth_users.alice: …bcrypt hash"),
    (f"basic_auth_users:\n  'a:b': {HASH}", "2: basic_auth_users.a…: …colon"),
    (f"basic_auth_users:\n  {HASH}: alice", "1: basic_auth_users: …`name: hash`"),
    ("- a", "1: …must be a mapping, such as `basic_auth_users: {}`"),
]


@pytest.mark.parametrize(("content", "expected"), PROBLEMS)
def test_what_is_wrong_or_not_supported_is_one_problem_with_its_place(
    written: Written, content: str, expected: str
) -> None:
    (problem,) = problems(written(content))
    where, _, words = expected.rpartition("…")
    assert problem.startswith(where)
    assert words in problem


def test_too_many_open_files_are_a_problem_like_others(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: str) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(os, "memfd_create", refuse, raising=False)
    (problem,) = problems(written(TLS))
    assert problem.startswith("2: tls_server_config.cert_file: ")
    assert problem.endswith("Too many open files")


def test_all_problems_are_reported_at_once_in_the_order_of_the_file(written: Written) -> None:
    lines = ("x: y", "rate_limit: {interval: 5}", "http_server_config: {http2: true}")
    tls = "tls_server_config: {cert_file: none, key_file: none}"
    reported = problems(written("\n".join((*lines, "basic_auth_users: {a: b}", tls))))
    assert [problem.partition(":")[0] for problem in reported] == list("123455")


def test_a_file_that_cannot_be_read_is_reported(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(TLS)
    key = path.parent / "server.key"
    key.chmod(0)
    # Others may enter this folder, but not those above it.
    path.parent.chmod(0o755)
    monkeypatch.chdir(path.parent)
    with nobody():
        (denied,) = problems(Path(path.name))
    key.unlink()
    key.mkdir()
    (directory,) = problems(path)
    key.rmdir()
    with key.open("wb") as file:
        file.truncate(2**30)
    (large,) = problems(path)
    for problem, words in ((denied, "Permission denied"), (directory, "Is a directory"), (large, "1 MiB")):
        assert problem.startswith("3: tls_server_config.key_file: ")
        assert words in problem


def test_neither_hash_nor_key_is_in_a_problem_or_a_representation(written: Written, server: Pair) -> None:
    secret = server.key.read_text().splitlines()[1]
    content = f"tls_server_config:\n  cert_file: server.crt\n  key: '{secret}'\n"
    content += f"basic_auth_users:\n  alice: {HASH[:-1]}\n  {HASH}: bob\n  {HASH[:-2]}: {HASH}\n"
    reported = "".join(problems(written(content)))
    assert reported.count("basic_auth_users") == 3
    assert secret not in reported
    assert HASH[7:29] not in reported
    assert HASH not in repr(read_web_config(written(f"basic_auth_users:\n  alice: {HASH}\n")))


@pytest.mark.parametrize(
    "content",
    [
        "basic_auth_users: {alice:SECRET}\n",
        "basic_auth_users: {alice:SECRET, alice:SECRET}\n",
        "tls_server_config: {cert_file: server.crt, key:SECRET}\n",
        "{basic_auth_users: {}, alice:SECRET: x}\n",
        f"basic_auth_users:\n  alice: {HASH}\nSECRET: bob\n",
        "basic_auth_users: {' SECRET': bob}\n",
        "http_server_config:\n  headers: {alice:SECRET: x}\n",
        "SECRET: a\nSECRET: b\n",
    ],
)
def test_a_secret_where_a_name_should_be_is_not_shown(written: Written, content: str) -> None:
    for secret in (HASH, "plainpassword"):
        if secret == "plainpassword" and ":SECRET" not in content:
            continue  # it may be a name
        reported = "".join(problems(written(content.replace("SECRET", secret))))
        assert "…" in reported
        assert secret[7:29] not in reported


def test_the_fingerprint_changes_with_the_file_and_the_files_it_names(
    written: Written, authority: Authority
) -> None:
    path = written(TLS)
    first = read_web_config(path).fingerprint
    path.write_text(TLS + "# a comment\n")
    assert read_web_config(path).fingerprint == first
    path.write_text(TLS.rstrip() + f"\nbasic_auth_users: {{a: {HASH}}}\n")
    assert read_web_config(path).fingerprint != first
    path.write_text(TLS)
    renewed = authority.issue("renewed")
    (path.parent / "server.crt").write_bytes(renewed.certificate.read_bytes())
    (path.parent / "server.key").write_bytes(renewed.key.read_bytes())
    assert read_web_config(path).fingerprint != first


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(web_config_files())
def test_any_file_is_accepted_or_has_problems_of_one_line_each(
    written: Written, content: dict[str, object]
) -> None:
    path = written(json.dumps(content))
    reported: tuple[str, ...] = ("",)
    try:
        read_web_config(path)
    except SettingsError as error:
        reported = error.problems
    assert reported
    assert not any("\n" in problem for problem in reported)
