"""The root directory, and the addresses of repository and documents, which `pyproject.toml` defines."""

import tomllib
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent.parent
REPOSITORY: Final[str] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "urls"
]["Repository"]
DOCUMENTS: Final = f"{REPOSITORY}/blob/main/docs"
