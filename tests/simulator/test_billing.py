import pytest

from pin_exporter.polling.billing import read_bill
from pin_exporter.simulator.options import Behaviour, BillForm, Faults

from .harness import BILL, LIST, Simulated


def test_the_bill_has_the_documented_form() -> None:
    simulated = Simulated()
    body = simulated.get(BILL).json()
    size = simulated.account.totals().size_bytes
    assert body["status"] == "success"
    assert body["data"] == {
        "total_storage": size,
        "storage_usage": size,
        "bandwidth_usage": size // 8,
        "storage_cost": str(size * 20 * 10**6),
        "bandwidth_cost": str(size // 8 * 20 * 10**6),
    }


@pytest.mark.parametrize(
    ("form", "kind"), [("strings", str), ("numbers", int), ("null", type(None)), ("odd", str)]
)
def test_costs_have_other_forms_as_well(form: BillForm, kind: type) -> None:
    # Costs of so many pins are larger than 64 bits.
    response = Simulated(20_000, behaviour=Behaviour(bill=form)).get(BILL)
    data, bill = response.json()["data"], read_bill(response.content)
    assert {type(data["storage_cost"]), type(data["bandwidth_cost"])} == {kind}
    assert bill.total_storage is not None
    expected = None if form == "null" else pytest.approx(bill.total_storage * 20 / 10**12)
    assert bill.storage_cost == expected


def test_keys_may_be_refused() -> None:
    assert Simulated(1, faults=Faults(unauthorized_rate=1)).get(BILL).status_code == 401
    simulated = Simulated(1, faults=Faults(bill_forbidden=True))
    assert (simulated.get(BILL).status_code, simulated.get(LIST).status_code) == (403, 200)
