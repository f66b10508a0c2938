"""Send the doctor's questions by the exporter's own client, and read what comes back."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from pin_exporter.api.client import PinClient
from pin_exporter.api.credentials import Credentials
from pin_exporter.api.errors import PollError
from pin_exporter.api.status_errors import ApiResponse
from pin_exporter.doctor.examination import Ask
from pin_exporter.doctor.reading import Received, read_reply
from pin_exporter.doctor.reply import Question, Reply
from pin_exporter.toolkit.clock import Clock

MAX_TIMEOUT_SECONDS: Final = 10.0


def asking(api: PinClient, credentials: Callable[[], Credentials], clock: Clock) -> Ask:
    """Return a way to ask questions, which raises nothing: every failure is a reply."""

    async def ask(question: Question) -> Reply:
        answer, error = ApiResponse(), None
        began = clock.elapsed()
        try:
            await api.send(question.parameters(), answer)
        except PollError as raised:
            error = raised
        asked = Reply(question, began, clock.elapsed() - began, clock.wall())
        return read_reply(asked, _received(answer, error), credentials().redact)

    return ask


def swapped(credentials: Callable[[], Credentials]) -> Callable[[], Credentials]:
    """Return the keys the other way round."""

    def source() -> Credentials:
        pair = credentials()
        return replace(pair, api_key=pair.secret_key, secret_key=pair.api_key)

    return source


def _received(answer: ApiResponse, error: PollError | None) -> Received:
    return Received(
        answer.status,
        answer.headers,
        bytes(answer.body),
        answer.location,
        error,
        cut=answer.is_too_large,
    )
