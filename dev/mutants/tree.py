"""Copy the tree, so that mistakes are made elsewhere."""

import shutil
import subprocess
from pathlib import Path

from dev.project import ROOT


def copy_tree(target: Path) -> Path:
    """Copy what is under version control or could be, and return the copy."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file() or (ROOT / name).is_symlink():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name, follow_symlinks=False)
    if (ROOT / "dev" / "render" / "node_modules").exists():
        (target / "dev" / "render" / "node_modules").symlink_to(ROOT / "dev" / "render" / "node_modules")
    return target
