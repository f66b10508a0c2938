"""Samples of expositions, in a form that compares across readers."""

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families


def series(name: str, labels: Mapping[str, str]) -> str:
    """Return a key for a series: its name and sorted labels, with the edge of a bucket as a number."""
    written = {label: str(float(value)) if label == "le" else value for label, value in labels.items()}
    return f"{name}{sorted(written.items())}"


def samples(text: str) -> dict[str, float]:
    """Return the values of an exposition in the text format by series."""
    return {
        series(sample.name, sample.labels): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
