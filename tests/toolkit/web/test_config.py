import errno
import os
import re
import ssl
from collections.abc import Callable
from pathlib import Path

import bcrypt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pin_exporter.toolkit.errors import SettingsError
from pin_exporter.toolkit.web.config import read_web_config
from tests.support.certificates import Authority, Pair
from tests.toolkit.test_yaml_file import nobody

HASH = bcrypt.hashpw(b"x", b"$2b$04$" + b"abcdefghijklmnopqrstuu").decode()
TLS = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"
Written = Callable[[str], Path]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


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
    """Return what is said about a bad file, with its path made short."""
    with pytest.raises(SettingsError) as caught:
        read_web_config(path)
    return [problem.removeprefix(f"{path}:") for problem in caught.value.problems]


@pytest.mark.parametrize("content", ["", "{}\n", "basic_auth_users:\ntls_server_config: {}\n"])
def test_a_file_without_anything_guards_nothing(written: Written, content: str) -> None:
    config = read_web_config(written(content))
    assert (config.tls, dict(config.users), dict(config.headers), config.files) == (None, {}, {}, ())
    assert config.scheme == "http"


def test_certificate_and_key_are_looked_for_from_the_folder_of_the_file(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(TLS)
    monkeypatch.chdir("/")
    config = read_web_config(path)
    assert config.tls is not None
    assert config.files == (path.parent / "server.crt", path.parent / "server.key")
    assert config.scheme == "https"


def test_certificate_key_and_authority_may_stand_in_the_file_itself(
    written: Written, authority: Authority, server: Pair
) -> None:
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


def test_versions_are_1_2_and_1_3_unless_said_otherwise(written: Written) -> None:
    default = context_of(written(TLS))
    assert (default.minimum_version, default.maximum_version) == (
        ssl.TLSVersion.TLSv1_2,
        ssl.TLSVersion.TLSv1_3,
    )
    newest = context_of(written(TLS + "  min_version: TLS13\n"))
    assert newest.minimum_version == ssl.TLSVersion.TLSv1_3
    oldest = context_of(written(TLS + "  max_version: TLS12\n"))
    assert oldest.maximum_version == ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    ("mode", "meant"),
    [
        ("VerifyClientCertIfGiven", ssl.CERT_OPTIONAL),
        ("RequireAndVerifyClientCert", ssl.CERT_REQUIRED),
    ],
)
def test_modes_of_client_certificates_that_verify_are_supported(
    written: Written, mode: str, meant: ssl.VerifyMode
) -> None:
    path = written(TLS + f"  client_auth_type: {mode}\n  client_ca_file: clients.crt\n")
    assert context_of(path).verify_mode == meant
    assert path.parent / "clients.crt" in read_web_config(path).files


def test_authorities_may_be_named_in_any_language(written: Written) -> None:
    path = written(MUTUAL + "clients.crt\n")
    clients = path.parent / "clients.crt"
    clients.write_bytes("# Főtanúsítvány\n".encode() + clients.read_bytes())
    assert len(context_of(path).get_ca_certs()) == 1
    clients.write_bytes(clients.read_bytes().replace(b"\nMII", "\nMIIő".encode()))
    (told,) = problems(path)
    assert told.startswith("5: tls_server_config.client_ca_file: is refused by OpenSSL: ")


def test_ciphers_are_chosen_by_the_names_that_go_gives_them(written: Written) -> None:
    named = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"
    context = context_of(
        written(TLS + f"  cipher_suites: [{named}, TLS_AES_128_GCM_SHA256]\n  curve_preferences: [X25519]\n")
    )
    chosen = [cipher["name"] for cipher in context.get_ciphers() if not cipher["name"].startswith("TLS_")]
    assert chosen == ["ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"]
    assert context.options & ssl.OP_CIPHER_SERVER_PREFERENCE
    other = context_of(written(TLS + "  prefer_server_cipher_suites: false\n"))
    assert not other.options & ssl.OP_CIPHER_SERVER_PREFERENCE


def test_harmless_values_of_what_is_not_supported_are_accepted(written: Written) -> None:
    content = "http_server_config:\n  http2: false\nrate_limit:\n  interval: 0s\n  burst: 20\n"
    assert read_web_config(written(content)).headers == {}


def test_headers_and_users_come_out_as_they_were_written(written: Written) -> None:
    content = "http_server_config:\n  headers:\n    X-Frame-Options: deny\n    X-XSS-Protection: ''\n"
    config = read_web_config(written(content + f"basic_auth_users:\n  zoë: {HASH}\n"))
    assert config.headers == {"X-Frame-Options": "deny"}
    assert config.users == {"zoë".encode(): HASH.encode()}


MUTUAL = TLS + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: "


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("tls_config: {}\n", "1: tls_config: is not a setting: did you mean tls_server_config?"),
        (
            TLS + "  cert_fil: x\n",
            "4: tls_server_config.cert_fil: is not a setting: did you mean cert_file?",
        ),
        ("tls_server_config: yes\n", "1: tls_server_config: must be a mapping"),
        (TLS + "basic_auth_users: ''\n", "4: basic_auth_users: must be a mapping"),
        (
            "tls_server_config:\n  cert_file: server.crt\n",
            "1: tls_server_config.key_file: is missing: TLS needs it or key",
        ),
        (
            "tls_server_config:\n  min_version: TLS13\n  key_file: server.key\n",
            "1: tls_server_config.cert_file: is missing: TLS needs it or cert",
        ),
        (
            TLS.replace("server.key", "other.key"),
            "2: tls_server_config.cert_file: the key does not belong to the certificate",
        ),
        (
            TLS.replace("server.crt", "server.key"),
            "2: tls_server_config.cert_file: holds no certificate in PEM form",
        ),
        (
            TLS.replace("server.key", "server.crt"),
            "2: tls_server_config.cert_file: the key is not in PEM form",
        ),
        (
            TLS.replace("server.key", "none.key"),
            "3: tls_server_config.key_file: cannot read the file: No such file or directory"
            " (from the folder of web.yml)",
        ),
        (
            TLS.replace("server.key", "/none.key"),
            "3: tls_server_config.key_file: cannot read the file: No such file or directory",
        ),
        (TLS + "  key: x\n", "3: tls_server_config.key_file: key and key_file are both given: leave one out"),
        (
            TLS + "  min_version: TLS10\n",
            "4: tls_server_config.min_version: versions before TLS 1.2 are not supported: set TLS12 or TLS13",
        ),
        (
            TLS + "  min_version: '1.2'\n",
            "4: tls_server_config.min_version: must be one of TLS12, TLS13",
        ),
        (
            TLS + "  min_version: TLS13\n  max_version: TLS12\n",
            "5: tls_server_config.max_version: is below min_version",
        ),
        (
            TLS + "  client_auth_type: RequireAnyClientCert\n",
            "4: tls_server_config.client_auth_type: a mode that does not verify certificates is not "
            "supported: set RequireAndVerifyClientCert",
        ),
        (
            TLS + "  client_auth_type: RequireAndVerifyClientCert\n",
            "4: tls_server_config.client_auth_type: needs client_ca_file or client_ca, to verify "
            "certificates by",
        ),
        (
            TLS + "  client_ca_file: clients.crt\n",
            "4: tls_server_config.client_ca_file: has no effect: set client_auth_type: "
            "RequireAndVerifyClientCert",
        ),
        (
            MUTUAL + "server.key\n",
            "5: tls_server_config.client_ca_file: holds no certificate in PEM form",
        ),
        (
            TLS + "  client_allowed_sans: [a]\n",
            "4: tls_server_config.client_allowed_sans: needs client_auth_type: RequireAndVerifyClientCert",
        ),
        (
            TLS + "  client_allowed_sans: a\n",
            "4: tls_server_config.client_allowed_sans: must be a list of strings",
        ),
        (
            MUTUAL + "clients.crt\n  client_allowed_sans: []\n",
            "6: tls_server_config.client_allowed_sans: is empty, which would let nobody in: name somebody, "
            "or leave it out",
        ),
        (
            MUTUAL + "clients.crt\n  client_allowed_sans: ''\n",
            "6: tls_server_config.client_allowed_sans: must be a list of strings",
        ),
        (
            TLS + "  curve_preferences: [X25519, CurveP256]\n",
            "4: tls_server_config.curve_preferences: more than one curve is not supported: leave one",
        ),
        (
            TLS + "  curve_preferences: [P256]\n",
            "4: tls_server_config.curve_preferences: must be one of CurveP256, CurveP384, CurveP521, X25519",
        ),
        (
            TLS + "  cipher_suites: [TLS_AES_128_GCM_SHA256]\n",
            "4: tls_server_config.cipher_suites: holds none of TLS 1.2: add one, or set min_version: TLS13",
        ),
        (
            TLS + "  prefer_server_cipher_suites: perhaps\n",
            "4: tls_server_config.prefer_server_cipher_suites: must be true or false",
        ),
        (
            "http_server_config:\n  http2: true\n",
            "2: http_server_config.http2: HTTP/2 is not supported: set false, or leave it out",
        ),
        (
            "http_server_config:\n  headers:\n    X-Frame-Option: deny\n",
            "3: http_server_config.headers.X-Frame-Option: is not a setting: did you mean X-Frame-Options?",
        ),
        (
            "http_server_config:\n  headers:\n    X-Frame-Options: allow\n",
            "3: http_server_config.headers.X-Frame-Options: must be deny or sameorigin",
        ),
        (
            'http_server_config:\n  headers:\n    Content-Security-Policy: "a\\r\\nSet-Cookie: b"\n',
            "3: http_server_config.headers.Content-Security-Policy: must be one line of ASCII characters",
        ),
        (
            "rate_limit:\n  interval: 1s\n",
            "2: rate_limit.interval: a rate limit is not supported: set 0, or leave rate_limit out",
        ),
        (
            "basic_auth_users:\n  alice: secret\n",
            "2: basic_auth_users.alice: must be a bcrypt hash: make one with `htpasswd -nBC 10 NAME`",
        ),
        (
            f"basic_auth_users:\n  alice: {HASH.replace('$04$', '$17$')}\n",
            "2: basic_auth_users.alice: the hash's cost must be 4 to 16; 10 is good",
        ),
        (
            f"basic_auth_users:\n  alice: {HASH.replace('04', '१०', 1)}\n",
            "2: basic_auth_users.alice: must be a bcrypt hash: make one with `htpasswd -nBC 10 NAME`",
        ),
        (
            TLS.replace("cert_file: server.crt", 'cert: "\\xe9"'),
            "2: tls_server_config.cert: holds no certificate in PEM form",
        ),
        (
            f"basic_auth_users:\n  'a:b': {HASH}\n",
            "2: basic_auth_users.a…: a name with a colon or a control character can never log in",
        ),
        (
            f"basic_auth_users:\n  {HASH}: alice\n",
            "1: basic_auth_users: a name looks like a hash: write `name: hash`",
        ),
        ("- a\n", "1: must be a mapping, such as `basic_auth_users: {}`"),
    ],
)
def test_what_is_wrong_or_not_supported_is_refused_by_name(written: Written, content: str, told: str) -> None:
    assert problems(written(content)) == [told]


def test_a_bundle_of_authorities_may_name_them_in_any_language(written: Written) -> None:
    path = written(MUTUAL + "clients.crt\n")
    bundle = path.parent / "clients.crt"
    bundle.write_bytes("# Főtanúsítvány\n".encode() + bundle.read_bytes())
    assert len(context_of(path).get_ca_certs()) == 1


def test_too_many_open_files_are_told_as_any_other_problem(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: str) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(os, "memfd_create", refuse, raising=False)
    assert problems(written(TLS)) == [
        "2: tls_server_config.cert_file: cannot be given to OpenSSL: Too many open files"
    ]


def test_problems_are_told_in_the_order_of_the_file(written: Written) -> None:
    told = problems(written("".join(f"{name}: 1\n" for name in "hgfedcba")))
    assert [problem.partition(":")[0] for problem in told] == list("12345678")


def test_every_problem_is_told_in_one_go(written: Written) -> None:
    content = "rate_limit: {interval: 5}\nhttp_server_config: {http2: true}\nbasic_auth_users: {a: b}\nx: y\n"
    assert len(problems(written(content + "tls_server_config: {cert_file: none, key_file: none}\n"))) == 6


def test_a_key_that_is_encrypted_is_refused_without_asking_for_a_password(written: Written) -> None:
    path = written(TLS)
    key = path.parent / "server.key"
    key.write_text(key.read_text().replace("PRIVATE", "ENCRYPTED PRIVATE"))
    assert problems(path) == [
        "2: tls_server_config.cert_file: the key is encrypted: decrypt it with `openssl pkey`"
    ]


def test_files_that_cannot_be_read_are_told(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(TLS)
    key = path.parent / "server.key"
    key.chmod(0)
    # Others may enter this folder, but not those above it.
    path.parent.chmod(0o755)
    monkeypatch.chdir(path.parent)
    with nobody():
        (told,) = problems(Path(path.name))
    assert told == (
        "3: tls_server_config.key_file: cannot read the file: Permission denied (from the folder of web.yml)"
    )
    key.unlink()
    key.mkdir()
    assert problems(path) == [
        "3: tls_server_config.key_file: cannot read the file: Is a directory (from the folder of web.yml)"
    ]
    key.rmdir()
    with key.open("wb") as file:
        file.truncate(2**30)
    assert problems(path) == ["3: tls_server_config.key_file: the file is larger than 1048576 bytes"]


def test_neither_hash_nor_key_is_in_any_problem_or_representation(written: Written, server: Pair) -> None:
    secret = server.key.read_text().splitlines()[1]
    content = f"tls_server_config:\n  cert_file: server.crt\n  key: '{secret}'\n"
    content += f"basic_auth_users:\n  alice: {HASH[:-1]}\n  {HASH}: bob\n  {HASH[:-2]}: {HASH}\n"
    told = "".join(problems(written(content)))
    assert told.count("basic_auth_users") == 3
    assert secret not in told
    assert HASH[7:29] not in told
    assert HASH not in repr(read_web_config(written(f"basic_auth_users:\n  alice: {HASH}\n")))


@pytest.mark.parametrize(
    "content",
    [
        f"basic_auth_users: {{alice:{HASH}}}\n",
        f"basic_auth_users:\n  alice: {HASH}\n{HASH}: bob\n",
        f"basic_auth_users: {{' {HASH}': bob}}\n",
        f"http_server_config:\n  headers: {{alice:{HASH}: x}}\n",
        f"{HASH}: a\n{HASH}: b\n",
    ],
)
def test_a_hash_where_a_name_should_be_is_not_shown(written: Written, content: str) -> None:
    told = "".join(problems(written(content)))
    assert "…" in told
    assert HASH[7:29] not in told


@pytest.mark.parametrize(
    "content",
    [
        "basic_auth_users: {{alice:{}}}\n",
        "basic_auth_users: {{alice:{}, alice:{}}}\n",
        "tls_server_config: {{cert_file: server.crt, key:{}}}\n",
        "{{basic_auth_users: {{}}, alice:{}: x}}\n",
    ],
)
def test_what_stands_behind_a_colon_without_its_blank_is_not_shown(written: Written, content: str) -> None:
    told = "".join(problems(written(content.format(*["plainpassword"] * 2))))
    assert re.search("(alice|key)…", told)
    assert "plain" not in told


def test_the_fingerprint_changes_with_the_file_and_with_all_that_it_names(
    written: Written, authority: Authority
) -> None:
    path = written(TLS)
    first = read_web_config(path).fingerprint
    path.write_text(TLS + "# a comment\n")
    assert read_web_config(path).fingerprint == first
    path.write_text(TLS + f"basic_auth_users: {{a: {HASH}}}\n")
    assert read_web_config(path).fingerprint != first
    path.write_text(TLS)
    renewed = authority.issue("renewed")
    (path.parent / "server.crt").write_bytes(renewed.certificate.read_bytes())
    (path.parent / "server.key").write_bytes(renewed.key.read_bytes())
    assert read_web_config(path).fingerprint != first


KEYS = st.sampled_from(
    [
        *(
            "tls_server_config",
            "http_server_config",
            "basic_auth_users",
            "rate_limit",
            "headers",
            "http2",
            "x",
        ),
        *("cert", "key", "cert_file", "key_file", "client_ca", "client_auth_type", "client_allowed_sans"),
        *("cipher_suites", "curve_preferences", "min_version"),
    ]
)
VALUES = st.recursive(
    st.sampled_from(
        ["", "x", "true", "TLS13", "server.crt", "NoClientCert", HASH, '"\\ud800"', '"a\\0b"', "~"]
    ),
    lambda inner: st.dictionaries(KEYS, inner, max_size=4) | st.lists(inner, max_size=2),
    max_leaves=8,
)


def flow(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(inner)}" for key, inner in value.items()) + "}"
    return "[" + ", ".join(map(flow, value)) + "]" if isinstance(value, list) else str(value)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_whatever_stands_in_the_file_is_accepted_or_refused_in_single_lines(
    written: Written, content: dict[str, object]
) -> None:
    path = written(flow(content))
    told: tuple[str, ...] = ("",)
    try:
        read_web_config(path)
    except SettingsError as error:
        told = error.problems
    assert told
    assert not any("\n" in problem for problem in told)
