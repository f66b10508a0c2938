"""Every metric family of an account.

Their names are what users build on. `docs/metrics.md` describes them; a test holds both against each other.
"""

from typing import Final

from pin_exporter.metrics.account import DATA_FAMILIES
from pin_exporter.metrics.polling import POLLING_FAMILIES

ACCOUNT_FAMILIES: Final = (*DATA_FAMILIES, *POLLING_FAMILIES)
