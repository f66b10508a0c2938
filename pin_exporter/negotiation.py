"""Choose what to send by the request's Accept and Accept-Encoding headers, q-values honoured; pure."""

from collections.abc import Iterator
from typing import NamedTuple

from pin_exporter.exposition import Format

_MEDIA_TYPES = {Format.TEXT: "text/plain", Format.OPENMETRICS: "application/openmetrics-text"}


class _Range(NamedTuple):
    name: str
    quality: float


def choose_format(accept: str) -> Format:
    """Return the format that the client likes best; text when it says nothing, or nothing we speak.

    A version that is not spoken is answered with the one that is: the content type says which. Between equal
    wishes the more specific wins, then the one named first.
    """
    ranges = list(_ranges(accept))

    def wish(form: Format) -> tuple[float, int, int]:
        media_type = _MEDIA_TYPES[form]
        group = media_type.partition("/")[0] + "/*"
        for specificity, name in enumerate(("*/*", group, media_type)[::-1]):
            for position, (wanted, quality) in enumerate(ranges):
                if wanted == name:
                    return quality, -specificity, -position
        return 0.0, 0, 0

    return max((Format.TEXT, Format.OPENMETRICS), key=wish)


def accepts_gzip(accept_encoding: str) -> bool:
    """Tell whether the client takes gzip."""
    qualities = dict(_ranges(accept_encoding))
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0


def _ranges(header: str) -> Iterator[_Range]:
    """Read a list of `name;parameter=value;q=0.5`; what cannot be read is left out."""
    for part in header.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip() == "q":
                try:
                    quality = float(value)
                except ValueError:
                    quality = 0.0
        if not 0 <= quality <= 1:
            quality = 0.0
        if name:
            yield _Range(name, quality)
