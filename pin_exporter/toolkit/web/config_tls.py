"""Read the section `tls_server_config` of the web config file."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pin_exporter.toolkit.files import open_regular
from pin_exporter.toolkit.pem import load_certificate
from pin_exporter.toolkit.web.tls import Tls, new_context, plain_san, trust_clients_of
from pin_exporter.toolkit.yaml_file import Section

_MAX_FILE_BYTES: Final = 2**20
KEYS: Final = (
    "cert_file",
    "key_file",
    "cert",
    "key",
    "client_auth_type",
    "client_ca_file",
    "client_ca",
    "client_allowed_sans",
    "min_version",
    "max_version",
    "cipher_suites",
    "prefer_server_cipher_suites",
    "curve_preferences",
)
_VERSIONS: Final = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
CLIENT_AUTH_TYPES: Final = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
CURVES: Final = {
    "CurveP256": "prime256v1",
    "CurveP384": "secp384r1",
    "CurveP521": "secp521r1",
    "X25519": "X25519",
}
_CIPHERS: Final = {
    f"TLS_ECDHE_{key}_WITH_{go}": f"ECDHE-{key}-{openssl}"
    for key in ("ECDSA", "RSA")
    for go, openssl in {
        "AES_128_GCM_SHA256": "AES128-GCM-SHA256",
        "AES_256_GCM_SHA384": "AES256-GCM-SHA384",
        "CHACHA20_POLY1305_SHA256": "CHACHA20-POLY1305",
        "AES_128_CBC_SHA": "AES128-SHA",
        "AES_256_CBC_SHA": "AES256-SHA",
    }.items()
}
"""The cipher suites of TLS 1.2 that Go considers secure: Go's names and OpenSSL's."""
_TLS13_CIPHERS: Final = (
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
)


@dataclass(frozen=True, slots=True)
class TlsSection:
    """The TLS settings, None if the section is empty, and the content of the files that it names."""

    tls: Tls | None
    contents: tuple[tuple[Path, bytes], ...]


def read_tls_section(section: Section) -> TlsSection:
    """Read the section and the files that it names.

    Problems are added to the section, and `tls` is None then.
    """
    section.refuse_unknown(*KEYS)
    if not section.values:
        return TlsSection(None, ())
    problems_before = len(section.problems)
    files = _Files(section, {})
    context = new_context()
    _read_certificate(section, context, files)
    _read_versions(section, context)
    _read_ciphers(section, context)
    _read_client_auth(section, context, files)
    tls = Tls(context, _allowed_sans(section, context.verify_mode))
    sound = len(section.problems) == problems_before
    return TlsSection(tls if sound else None, tuple(files.contents.items()))


@dataclass(frozen=True, slots=True)
class _Files:
    """Reads values given as text or as a file, whose path is relative to the folder of the web config."""

    section: Section
    contents: dict[Path, bytes]

    def content(self, name: str) -> bytes | None:
        """Return the value of `name` or the content of `name`_file, None without either or with a problem."""
        section, in_file = self.section, f"{name}_file"
        text, chosen = section.text(name), section.text(in_file)
        if text and chosen:
            section.problem(in_file, f"{name} and {in_file} are both set: remove one")
            return None
        if text or not chosen:
            return text.encode() if text else None
        try:
            # Neither path nor content is shown: either may be a key by mistake.
            path = section.file.file_path.parent / chosen
            with open_regular(path) as file:
                content = file.read(_MAX_FILE_BYTES + 1)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "invalid path"
            config_name = section.file.file_path.name
            hint = "" if Path(chosen).is_absolute() else f" (relative to the folder of {config_name})"
            section.problem(in_file, f"cannot read the file: {reason}{hint}")
            return None
        if len(content) > _MAX_FILE_BYTES:
            section.problem(in_file, "the file is larger than 1 MiB")
            return None
        self.contents[path] = content
        return content


def _read_certificate(section: Section, context: ssl.SSLContext, files: _Files) -> None:
    for name in ("cert", "key"):
        if not section.text(name) and not section.text(f"{name}_file"):
            section.problem(f"{name}_file", f"is missing: set it or {name}")
    certificate, key = files.content("cert"), files.content("key")
    if certificate is not None and key is not None:
        try:
            load_certificate(context, certificate, key)
        except ValueError as error:
            section.problem("cert" if section.text("cert") else "cert_file", str(error))


def _read_versions(section: Section, context: ssl.SSLContext) -> None:
    context.minimum_version = section.choice("min_version", _VERSIONS, ssl.TLSVersion.TLSv1_2)
    maximum = section.choice("max_version", _VERSIONS, ssl.TLSVersion.TLSv1_3)
    if maximum < context.minimum_version:
        section.problem("max_version", "must not be lower than min_version")
    context.maximum_version = maximum


def _read_ciphers(section: Section, context: ssl.SSLContext) -> None:
    suites, curves = section.texts("cipher_suites"), section.texts("curve_preferences")
    unknown = [suite for suite in suites if suite not in _CIPHERS and suite not in _TLS13_CIPHERS]
    # The cipher suites of TLS 1.3 cannot be configured, as in Go.
    chosen = [_CIPHERS[suite] for suite in suites if suite in _CIPHERS]
    if unknown:
        known = ", ".join((*_CIPHERS, *_TLS13_CIPHERS))
        section.problem("cipher_suites", f"each must be one of {known}")
    elif chosen:
        try:
            context.set_ciphers(":".join(chosen))
        except ssl.SSLError:
            section.problem("cipher_suites", "OpenSSL on this machine supports none of them")
    elif suites and context.minimum_version < ssl.TLSVersion.TLSv1_3:
        section.problem("cipher_suites", "contains none of TLS 1.2: add one or set min_version: TLS13")
    if section.boolean("prefer_server_cipher_suites", default=True):
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    else:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    if len(curves) == 1 and curves[0] in CURVES:
        context.set_ecdh_curve(CURVES[curves[0]])
    elif curves:
        section.problem("curve_preferences", f"must contain exactly one of {', '.join(CURVES)}")


def _read_client_auth(section: Section, context: ssl.SSLContext, files: _Files) -> None:
    ca_certificates = files.content("client_ca")
    given = "client_ca" if section.text("client_ca") else "client_ca_file"
    mode = section.choice("client_auth_type", CLIENT_AUTH_TYPES, ssl.CERT_NONE)
    if mode == ssl.CERT_NONE:
        if section.text(given):
            message = "has no effect: set client_auth_type: RequireAndVerifyClientCert, or remove it"
            section.problem(given, message)
    elif not section.text(given):
        section.problem("client_auth_type", "requires client_ca_file or client_ca")
    elif ca_certificates is not None:
        try:
            trust_clients_of(context, ca_certificates, mode)
        except ValueError as error:
            section.problem(given, str(error))


def _allowed_sans(section: Section, mode: ssl.VerifyMode) -> frozenset[str]:
    names = section.texts("client_allowed_sans")
    if section.values.get("client_allowed_sans") == []:
        # A list that became empty by mistake must not let everybody in.
        section.problem(
            "client_allowed_sans", "is empty, so no client would be allowed: add a name or remove it"
        )
    if names and mode != ssl.CERT_REQUIRED:
        section.problem("client_allowed_sans", "requires client_auth_type: RequireAndVerifyClientCert")
    return frozenset(map(plain_san, names))
