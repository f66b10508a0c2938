"""Every metric family of an account.

The names are the public interface: dashboards, rules and users' alerts depend on them. `docs/metrics.md`
describes them; a test holds both against each other.
"""

from typing import Final

from pin_exporter.data_metrics import DATA_FAMILIES
from pin_exporter.polling_metrics import POLLING_FAMILIES

ACCOUNT_FAMILIES: Final = (*DATA_FAMILIES, *POLLING_FAMILIES)
