"""Fuzz for some time: `make fuzz`, `make fuzz SECONDS=60`."""

import argparse
import random
import sys

from tests.fuzz.fuzzing import Fuzzing
from tests.fuzz.targets import TARGETS

parser = argparse.ArgumentParser("python -m tests.fuzz", description=__doc__)
parser.add_argument("--seconds", type=float, default=600, help="total duration (default: 600)")
parser.add_argument("--seed", type=int, help="repeat the round with this seed")
parser.add_argument("--target", choices=[target.name for target in TARGETS], help="fuzz only this target")
given = parser.parse_args()

chosen = [target for target in TARGETS if given.target in (None, target.name)]
for target in chosen:
    fuzzing = Fuzzing(target, random.randrange(10**9) if given.seed is None else given.seed)
    if given.seed is None:
        fuzzing.run(given.seconds / len(chosen))
    else:
        fuzzing.round(given.seed)
    sys.stdout.write(f"{target.name}: {fuzzing.executions} examples, first seed {fuzzing.first_seed}\n")
    sys.stdout.flush()
