"""Turn command-line options, one for every switch, into accounts."""

import argparse
from typing import Any

from pin_exporter.simulator.account import SimulatedAccount
from pin_exporter.simulator.behaviour import Behaviour, Churn, Faults, Population
from pin_exporter.simulator.control import CONTROL_HELP
from pin_exporter.simulator.option import Rule, read_text, rules
from pin_exporter.simulator.presets import demo_accounts

_RECORDS: dict[str, type] = {
    "population": Population,
    "behaviour": Behaviour,
    "churn": Churn,
    "faults": Faults,
}
_HEADINGS = {
    "population": "pins at the start",
    "behaviour": "how the API presents them",
    "churn": "how they change",
    "faults": "what goes wrong (rates are probabilities per request)",
}
_COMMAND_DEFAULTS: dict[str, Any] = {"requests_per_minute": 180}
"""Where the command differs from the in-process defaults: the documented limit applies."""

_MAX_PINS = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `pin-exporter simulate`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.usage = "%(prog)s [options]"
    parser.epilog = CONTROL_HELP
    parser.add_argument(
        "--listen-address",
        default="127.0.0.1:10243",
        metavar="HOST:PORT",
        help="where to serve; port 0 takes a free one (default: %(default)s)",
    )
    parser.add_argument(
        "--pins", default="1000", metavar="N", help="pins of each account (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", default="1", metavar="N", help="the same seed makes the same pins (default: 1)"
    )
    parser.add_argument(
        "--account",
        action="append",
        default=[],
        metavar="NAME[:OPTION=VALUE,...]",
        help="an account with options of its own, such as big:pins=5000,vocabulary=2023; every option below, "
        "pins, seed, api_key and secret_key; may be repeated (default: one account, default)",
    )
    parser.add_argument("--demo", action="store_true", help="serve the three accounts of the demonstration")
    for kind, record in _RECORDS.items():
        group = parser.add_argument_group(_HEADINGS[kind])
        for name, (rule, default) in rules(record).items():
            _add_option(group, name, rule, _COMMAND_DEFAULTS.get(name, default))


def build_accounts(args: argparse.Namespace) -> list[SimulatedAccount]:
    """Return the accounts that the options describe; ValueError, in one line, for a bad option."""
    given = {name: getattr(args, f"sim_{name}") for name in _records_by_option()}
    common = _COMMAND_DEFAULTS | {
        name: value if isinstance(value, bool) else _read(name, value)
        for name, value in given.items()
        if value is not None
    }
    common |= {"pins": _read("pins", args.pins), "seed": _read("seed", args.seed)}
    if args.demo:
        if args.account or any(value is not None for value in given.values()):
            raise ValueError("--demo takes no other option than --listen-address and --seed")
        return demo_accounts(common["seed"])
    names_and_options = [_split(text) for text in args.account or ["default"]]
    names = [name for name, _ in names_and_options]
    if len(set(names)) < len(names):
        raise ValueError("--account: two accounts have the same name")
    return [_build(name, common | options) for name, options in names_and_options]


def _add_option(group: "argparse._ArgumentGroup", name: str, rule: Rule, default: object) -> None:
    flag = f"--{name.replace('_', '-')}"
    shown = str(default).lower() if isinstance(default, bool) else default
    text = f"{rule.text} (default: {shown})".replace("%", "%%")
    if isinstance(default, bool):
        group.add_argument(
            flag, dest=f"sim_{name}", action=argparse.BooleanOptionalAction, default=None, help=text
        )
        return
    metavar = "|".join(rule.choices) or ("TEXT" if isinstance(default, str) else "N")
    group.add_argument(flag, dest=f"sim_{name}", metavar=metavar, help=text)


def _split(text: str) -> tuple[str, dict[str, Any]]:
    name, _, rest = text.partition(":")
    if not name or not name.replace("-", "").replace("_", "").isalnum():
        raise ValueError(f"--account: a name has letters, digits, - and _, not {name!r}")
    options: dict[str, Any] = {}
    for pair in filter(None, rest.split(",")):
        key, equals, value = pair.partition("=")
        key = key.strip().replace("-", "_")
        try:
            options[key] = _read(key, value.strip() if equals else "true")
        except ValueError as error:
            raise ValueError(f"--account {name}: {error}") from None
    return name, options


def _build(name: str, options: dict[str, Any]) -> SimulatedAccount:
    records: dict[str, dict[str, Any]] = {kind: {} for kind in _RECORDS}
    owners = _records_by_option()
    for option, value in options.items():
        if option in owners:
            records[owners[option]][option] = value
    return SimulatedAccount(
        name,
        options.get("api_key", ""),
        options.get("secret_key", ""),
        options["pins"],
        options["seed"],
        Behaviour(**records["behaviour"]),
        population=Population(**records["population"]),
        churn=Churn(**records["churn"]),
        faults=Faults(**records["faults"]),
    )


def _read(name: str, text: str) -> Any:
    owner = _records_by_option().get(name)
    if owner:
        return read_text(_RECORDS[owner], name, text)
    if name in ("api_key", "secret_key"):
        return text
    if name not in ("pins", "seed"):
        raise ValueError(f"unknown option {name!r}")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ValueError(f"{name} must be a whole number of at least 0, not {text!r}")
    if name == "pins" and int(text) > _MAX_PINS:
        raise ValueError(f"pins must be at most {_MAX_PINS}, not {text}")
    return int(text)


def _records_by_option() -> dict[str, str]:
    return {name: kind for kind, record in _RECORDS.items() for name in rules(record)}
