"""Read the file `.env` into the environment, whatever is in it."""

import logging
from pathlib import Path

from dotenv import load_dotenv

from pin_exporter import PROGRAM
from pin_exporter.toolkit.errors import SettingsError
from pin_exporter.toolkit.output import print_error


def load_env_file(path: Path) -> None:
    """Set the variables of a file that are not set yet, if there is one.

    Tells of lines, or a directory, that have no effect. Raises SettingsError with one line. Neither shows
    anything of the file.
    """

    def tell_of_line(record: logging.LogRecord) -> bool:
        """Say in our words, as all at the command line, what the library logs: a line's number alone."""
        line = record.args[0] if isinstance(record.args, tuple) else 1
        print_error(PROGRAM, f"{path}:{line}: has no effect: write NAME=value")
        return False

    library = logging.getLogger("dotenv.main")
    library.addFilter(tell_of_line)
    try:
        if path.is_dir():
            print_error(PROGRAM, f"{path}: has no effect: it is a directory")
        load_dotenv(path)
    except OSError as error:
        raise SettingsError([f"{path}: cannot be read: {error.strerror}"]) from None
    except ValueError:
        raise SettingsError([f"{path}: holds bytes that are no text: each line must be NAME=value"]) from None
    finally:
        library.removeFilter(tell_of_line)
