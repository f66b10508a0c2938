"""The project's root directory, and the addresses of its repository and documents from `pyproject.toml`."""

import tomllib
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
REPOSITORY: Final[str] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "urls"
]["Repository"]
DOCUMENTS: Final = f"{REPOSITORY}/blob/main/docs"
