"""What is true of every alert, each as a scene for promtool."""

from collections.abc import Callable
from typing import Final

from tests.grafana.support.alert_case import Case
from tests.grafana.support.exporters import HERE, UP, Exporter
from tests.grafana.support.promtool import Group
from tests.grafana.support.signals import NO_TROUBLE, Trouble, steady

THERE: Final = {"instance": "two:10242"}
"""The place of a replica: the same job, another instance."""


def it_fires_once_it_has_lasted(case: Case) -> Group:
    exporter = case.exporter()
    group = _scene(case, "fires once it has lasted", exporter)
    states = f"count by (alertstate) (ALERTS{{{case.matchers}}})"
    group.expect(case.due - case.every, states, {})
    group.expect(case.fires - case.every, states, {'{alertstate="pending"}': 1})
    group.expect_alerts(case.fires, case.alert, case.told(exporter))
    group.expect_firing(case.fires, *(rule.name for rule in case.rules), *case.along)
    return group


def a_blip_goes_unmentioned(case: Case) -> Group:
    group = _scene(case, "does not mention a blip", case.exporter(case.longest_blip))
    group.expect_never(case.fires + case.forgotten_after + 10 * case.every, case.matchers)
    return group


def it_ends_with_the_trouble(case: Case) -> Group:
    ends = case.fires + 3 * case.every
    group = _scene(case, "ends with the trouble", case.exporter(Trouble(case.before, ends)))
    told = _firing(case)
    group.expect(ends + case.forgotten_after - case.every, told, {"{}": 1})
    group.expect(ends + case.forgotten_after, told, {})
    return group


def replicas_count_once(case: Case) -> Group:
    replicas = [case.exporter(), case.exporter(place=THERE)]
    group = _scene(case, "counts replicas once", *replicas)
    expected = [told for replica in replicas for told in case.told(replica)]
    once = [told for number, told in enumerate(expected) if told not in expected[:number]]
    assert len(once) == (2 if case.on_instance else 1) * len(case.rules)
    group.expect(case.fires - case.every, _firing(case), {})
    group.expect_alerts(case.fires, case.alert, once)
    return group


def one_replica_may_be_enough(case: Case) -> Group:
    well = case.exporter(NO_TROUBLE, THERE)
    group = _scene(case, "knows whether one replica is enough", case.exporter(), well)
    later = case.fires + 10 * case.every
    if case.one_is_enough:
        group.expect(later, _firing(case), {"{}": 1})
    else:
        group.expect_never(later, case.matchers)
    return group


def what_is_healthy_beside_it_stays_silent(case: Case) -> Group:
    troubled = case.exporter()
    beside = Exporter(account="other", labels=troubled.labels)
    if not case.rule.on_account:
        beside = Exporter(labels={"job": "others", "instance": "one:10242"})
    elsewhere = [{"job": "node"}, {"namespace": "other"}, {"cluster": "other"}]
    # Where the job is all that counts, a target of the same job is no stranger.
    elsewhere += [THERE] if case.on_instance else []
    foreign = [
        Exporter({UP: steady(0)}, Trouble(0), vanishes=True, labels={**HERE, **place}) for place in elsewhere
    ]
    group = _scene(case, "keeps silent on the healthy", troubled, beside, *foreign)
    group.expect_alerts(case.fires, case.alert, case.told(troubled))
    return group


def namesakes_are_told_apart(case: Case) -> Group:
    places = [{"job": job, "namespace": space} for job in ("pins", "also") for space in ("east", "west")]
    places += [{**places[0], "cluster": cluster} for cluster in ("near", "far")]
    *troubled, last = (case.exporter(place=place) for place in places)
    well = case.exporter(NO_TROUBLE, last.labels)
    group = _scene(case, "tells namesakes apart", *troubled, well)
    group.expect_alerts(case.fires, case.alert, [told for each in troubled for told in case.told(each)])
    return group


SCENARIOS: Final[tuple[Callable[[Case], Group], ...]] = (
    it_fires_once_it_has_lasted,
    a_blip_goes_unmentioned,
    it_ends_with_the_trouble,
    replicas_count_once,
    one_replica_may_be_enough,
    what_is_healthy_beside_it_stays_silent,
    namesakes_are_told_apart,
)


def _scene(case: Case, name: str, *exporters: Exporter) -> Group:
    return Group(f"{case}: {name}", exporters, every=case.every)


def _firing(case: Case) -> str:
    return f'count(ALERTS{{{case.matchers},alertstate="firing"}})'
