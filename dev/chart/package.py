"""Pack the chart so that the same source gives the same bytes: `make chart-package`.

Helm 4 writes the time of each file into the archive, Helm 3 the time of packing. So the files of a copy get
one time, that of the commit, and Helm 4 packs the copy.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from dev.chart.files import CHART


def package(helm: str, chart: Path, directory: Path, epoch: int) -> Path:
    """Pack a chart, its files of the time `epoch` in Unix seconds, and return the archive."""
    with tempfile.TemporaryDirectory() as temporary:
        copy = Path(temporary) / chart.name
        shutil.copytree(chart, copy)
        for path in (*copy.rglob("*"), copy):
            os.utime(path, (epoch, epoch))
            path.chmod(0o755 if path.is_dir() else 0o644)
        done = subprocess.run(  # noqa: S603 - the caller names Helm
            [helm, "package", str(copy), "--destination", str(directory)],
            check=True,
            capture_output=True,
            text=True,
        )
    return Path(done.stdout.rpartition(": ")[2].strip())


if __name__ == "__main__":
    sys.stdout.write(f"{package(sys.argv[1], CHART, Path(sys.argv[2]), int(sys.argv[3]))}\n")
