"""Choose what to send from the Accept and Accept-Encoding headers of a request, including q-values."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from pin_exporter.toolkit.exposition.encoder import Format

_MEDIA_TYPES: Final = {Format.TEXT: "text/plain", Format.OPENMETRICS: "application/openmetrics-text"}
_NOT_ACCEPTABLE: Final = (0.0, 0, 0)


class _Range(NamedTuple):
    name: str
    quality: float


def choose_format(accept: str) -> Format:
    """Return the format with the highest quality; text if the header is empty or names no known format.

    Versions are ignored: the content type of the response says which one it is. With equal quality the more
    specific range wins, then the one named first. If several ranges name the same format, such as one for
    each version, the one with the highest quality counts.
    """
    ranges = tuple(_ranges(accept))
    return max((Format.TEXT, Format.OPENMETRICS), key=lambda fmt: _preference(_MEDIA_TYPES[fmt], ranges))


def prefers_json(accept: str) -> bool:
    """Return whether the client prefers JSON to HTML, which is the default."""
    ranges = tuple(_ranges(accept))
    return _preference("application/json", ranges) > _preference("text/html", ranges)


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether the client accepts gzip."""
    qualities = dict(_ranges(accept_encoding))
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0


def _preference(media_type: str, ranges: Sequence[_Range]) -> tuple[float, int, int]:
    """Return a key that is greater the more the client prefers a media type."""
    group = media_type.partition("/")[0] + "/*"
    for specificity, name in enumerate((media_type, group, "*/*")):
        keys = [(r.quality, -specificity, -n) for n, r in enumerate(ranges) if r.name == name]
        if keys:
            return max(keys) if max(keys)[0] else _NOT_ACCEPTABLE
    return _NOT_ACCEPTABLE


def _ranges(header: str) -> Iterator[_Range]:
    """Parse a list of `name;parameter=value;q=0.5`, leaving out what is invalid."""
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
