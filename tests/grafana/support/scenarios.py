"""What holds for every alert, as scenarios for promtool."""

from collections.abc import Callable
from typing import Final

from tests.grafana.support.alert_case import Case
from tests.grafana.support.exporters import HERE, UP, Exporter
from tests.grafana.support.promtool import Group
from tests.grafana.support.signals import NO_TROUBLE, Trouble, steady

REPLICA: Final = {"instance": "two:10242"}
"""The labels of a replica: the same job, another instance."""


def fires_after_its_wait_and_no_other_alert_does(case: Case) -> Group:
    exporter = case.exporter()
    group = _group(case, "fires after its wait", exporter)
    states = f"count by (alertstate) (ALERTS{{{case.matchers}}})"
    group.expect(case.pending_at - case.every, states, {})
    group.expect(case.fires_at - case.every, states, {'{alertstate="pending"}': 1})
    group.expect_alerts(case.fires_at, case.alert, case.expected(exporter))
    group.expect_firing(case.fires_at, *(rule.name for rule in case.rules))
    return group


def does_not_fire_for_a_blip(case: Case) -> Group:
    group = _group(case, "does not fire for a blip", case.exporter(case.longest_blip))
    group.expect_never(case.fires_at + case.resolved_after + 10 * case.every, case.matchers)
    return group


def resolves_with_the_problem(case: Case) -> Group:
    ends = case.fires_at + 3 * case.every
    group = _group(case, "resolves", case.exporter(Trouble(case.before, ends)))
    group.expect(ends + case.resolved_after - case.every, _firing(case), {"{}": 1})
    group.expect(ends + case.resolved_after, _firing(case), {})
    return group


def counts_replicas_once(case: Case) -> Group:
    replicas = [case.exporter(), case.exporter(place=REPLICA)]
    group = _group(case, "counts replicas once", *replicas)
    alerts = [alert for replica in replicas for alert in case.expected(replica)]
    distinct = [alert for number, alert in enumerate(alerts) if alert not in alerts[:number]]
    assert len(distinct) == (2 if case.is_per_instance else 1) * len(case.rules)
    group.expect(case.fires_at - case.every, _firing(case), {})
    group.expect_alerts(case.fires_at, case.alert, distinct)
    return group


def fires_for_one_replica_if_one_is_enough(case: Case) -> Group:
    healthy = case.exporter(NO_TROUBLE, REPLICA)
    group = _group(case, "fires for one replica if one is enough", case.exporter(), healthy)
    later = case.fires_at + 10 * case.every
    if case.one_is_enough:
        group.expect(later, _firing(case), {"{}": 1})
    else:
        group.expect_never(later, case.matchers)
    return group


def does_not_fire_for_healthy_or_foreign_targets(case: Case) -> Group:
    affected = case.exporter()
    healthy = Exporter(account="other", labels=affected.labels)
    if not case.rule.on_account:
        healthy = Exporter(labels={"job": "others", "instance": "one:10242"})
    places = [{"job": "node"}, {"namespace": "other"}, {"cluster": "other"}]
    # For an alert per job, a target of the same job is not foreign.
    places += [REPLICA] if case.is_per_instance else []
    foreign = [
        Exporter({UP: steady(0)}, Trouble(0), vanishes=True, labels={**HERE, **place}) for place in places
    ]
    group = _group(case, "does not fire for other targets", affected, healthy, *foreign)
    group.expect_alerts(case.fires_at, case.alert, case.expected(affected))
    return group


def distinguishes_accounts_of_the_same_name(case: Case) -> Group:
    places = [{"job": job, "namespace": space} for job in ("pins", "also") for space in ("east", "west")]
    places += [{**places[0], "cluster": cluster} for cluster in ("near", "far")]
    *affected, last = (case.exporter(place=place) for place in places)
    healthy = case.exporter(NO_TROUBLE, last.labels)
    group = _group(case, "distinguishes accounts of the same name", *affected, healthy)
    group.expect_alerts(
        case.fires_at, case.alert, [alert for each in affected for alert in case.expected(each)]
    )
    return group


OF_ONE_ALERT: Final[tuple[Callable[[Case], Group], ...]] = (
    does_not_fire_for_a_blip,
    resolves_with_the_problem,
    counts_replicas_once,
    fires_for_one_replica_if_one_is_enough,
    does_not_fire_for_healthy_or_foreign_targets,
    distinguishes_accounts_of_the_same_name,
)
"""Scenarios that need no other alert."""


def _group(case: Case, name: str, *exporters: Exporter) -> Group:
    return Group(f"{case}: {name}", exporters, every=case.every)


def _firing(case: Case) -> str:
    return f'count(ALERTS{{{case.matchers},alertstate="firing"}})'
