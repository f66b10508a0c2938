"""Read a file `.env` into the environment, whatever its content."""

import logging
from pathlib import Path

from dotenv import load_dotenv

from pin_exporter import PROGRAM
from pin_exporter.toolkit.errors import SettingsError
from pin_exporter.toolkit.output import print_error


def load_env_file(path: Path) -> None:
    """Set the variables of a file, if there is one, that are not set yet.

    Prints which lines have no effect. Raises SettingsError with one line for a file that cannot be read. Both
    show nothing of its content.
    """

    def print_line_number(record: logging.LogRecord) -> bool:
        """Print what the library logs of a line, as other problems of the command line are printed."""
        line = record.args[0] if isinstance(record.args, tuple) else 1
        print_error(PROGRAM, f"{path}:{line}: has no effect: write NAME=value")
        return False

    library = logging.getLogger("dotenv.main")
    library.addFilter(print_line_number)
    try:
        if path.is_dir():
            print_error(PROGRAM, f"{path}: has no effect: it is a directory")
        load_dotenv(path)
    except OSError as error:
        raise SettingsError([f"{path}: cannot be read: {error.strerror}"]) from None
    except ValueError:
        raise SettingsError([f"{path}: is not UTF-8 text: write lines NAME=value"]) from None
    finally:
        library.removeFilter(print_line_number)
