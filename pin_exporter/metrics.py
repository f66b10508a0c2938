"""Every metric family of an account.

Their names are what users build on. `docs/metrics.md` describes them; a test holds both against each other.
"""

from typing import Final

from pin_exporter.data_metrics import DATA_FAMILIES
from pin_exporter.polling_metrics import POLLING_FAMILIES

ACCOUNT_FAMILIES: Final = (*DATA_FAMILIES, *POLLING_FAMILIES)
