"""Rules, dashboard and guide speak of metrics that there are."""

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml
from prometheus_client.registry import REGISTRY

import gateway.metrics  # noqa: F401 - registers the gateway's own
from gateway.version import ROOT

RULES = yaml.safe_load((ROOT / "docs/prometheus.rules.yml").read_text())
DASHBOARD = json.loads((ROOT / "docs/grafana.json").read_text())
GUIDE = (ROOT / "docs/operations.md").read_text()
METRIC = re.compile(r"\bscrip_[a-z_]+")
OF_HISTOGRAMS = re.compile(r"_(bucket|count|sum)$")


def known_metrics() -> set[str]:
    of_gateway = {
        sample + suffix
        for family in REGISTRY.collect()
        if family.name.startswith("scrip_")
        for sample, suffix in [(family.name, "_total" if family.type == "counter" else "")]
    }
    of_database = set(re.findall(r"'(scrip_[a-z_]+)'", (ROOT / "sql/engine/metrics.sql").read_text()))
    assert of_gateway
    assert of_database
    return of_gateway | of_database | {"scrip_database_up"}


def expressions_of(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "expr":
                yield value
            else:
                yield from expressions_of(value)
    elif isinstance(node, list):
        for value in node:
            yield from expressions_of(value)


def test_rules_and_dashboard_ask_for_metrics_that_there_are() -> None:
    known = known_metrics()
    for document in (RULES, DASHBOARD):
        asked = [metric for expression in expressions_of(document) for metric in METRIC.findall(expression)]
        assert len(asked) > 10
        assert {
            metric for metric in asked if metric not in known and OF_HISTOGRAMS.sub("", metric) not in known
        } == set()


def test_each_metric_of_the_database_is_shown_or_watched() -> None:
    shown = " ".join(expressions_of(DASHBOARD))
    for metric in known_metrics() - {"scrip_outbox_failed", "scrip_holds_overdue", "scrip_credits_held"}:
        assert metric in shown or metric in " ".join(expressions_of(RULES)), metric


def test_the_guide_says_what_to_do_for_each_rule() -> None:
    rules = [rule for group in RULES["groups"] for rule in group["rules"]]
    assert rules
    for rule in rules:
        assert f"**{rule['alert']}**" in GUIDE
        assert rule["annotations"]["summary"]
