"""A simulated AIOZ Pin list API, for tests in the same process, `pin-exporter simulate` and the demo."""

from pin_exporter.simulator.account import SimulatedAccount
from pin_exporter.simulator.app import RequestRecord, Simulator, base_url, open_socket, serve
from pin_exporter.simulator.faults import Fault
from pin_exporter.simulator.listing import HOSTILE_NAMES
from pin_exporter.simulator.options import Behaviour, Churn, Faults, Population
from pin_exporter.simulator.presets import demo_accounts
from pin_exporter.simulator.query import Query
from pin_exporter.simulator.state import Totals
from pin_exporter.simulator.truth import Truth

__all__ = [
    "HOSTILE_NAMES",
    "Behaviour",
    "Churn",
    "Fault",
    "Faults",
    "Population",
    "Query",
    "RequestRecord",
    "SimulatedAccount",
    "Simulator",
    "Totals",
    "Truth",
    "base_url",
    "demo_accounts",
    "open_socket",
    "serve",
]
