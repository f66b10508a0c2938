"""Simulate the AIOZ Pin list API, for tests in the same process and as a command."""

from pin_exporter.simulator.account import SimulatedAccount
from pin_exporter.simulator.app import RequestRecord, Simulator
from pin_exporter.simulator.behaviour import Behaviour, Churn, Faults, Population
from pin_exporter.simulator.fault import Fault
from pin_exporter.simulator.ledger import Totals
from pin_exporter.simulator.presets import demo_accounts
from pin_exporter.simulator.query import Query
from pin_exporter.simulator.server import base_url, open_socket, serve
from pin_exporter.simulator.truth import Tally, Truth

__all__ = [
    "Behaviour",
    "Churn",
    "Fault",
    "Faults",
    "Population",
    "Query",
    "RequestRecord",
    "SimulatedAccount",
    "Simulator",
    "Tally",
    "Totals",
    "Truth",
    "base_url",
    "demo_accounts",
    "open_socket",
    "serve",
]
