"""Read the file `.env` into the environment, whatever is in it."""

from pathlib import Path

from dotenv import load_dotenv

from pin_exporter.errors import SettingsError


def load_env_file(path: Path) -> None:
    """Set the variables of a file that are not set yet, if there is one.

    Raises SettingsError with one line, in which nothing of the file is.
    """
    try:
        load_dotenv(path)
    except OSError as error:
        raise SettingsError([f"{path}: cannot be read: {error.strerror}"]) from None
    except ValueError:
        raise SettingsError([f"{path}: holds bytes that are no text: each line must be NAME=value"]) from None
