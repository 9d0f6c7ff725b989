"""Reads what a pgTAP file says when psql runs it: every assertion, and whether all that were planned have spoken."""

import re
from dataclasses import dataclass, field

_PLAN = re.compile(r"^1\.\.(\d+)\s*$")
_ASSERTION = re.compile(r"^(not ok|ok) (\d+)(?: - (.*))?$")
_DIRECTIVE = re.compile(r"#\s*(skip|todo)\b", re.IGNORECASE)


@dataclass
class TapReport:
    """What one file reported. `failures` is empty when all went well, otherwise one readable block each."""

    count: int = 0
    failures: list[str] = field(default_factory=list)


def read_tap(output: str) -> TapReport:
    """Reads TAP. A file without a plan, or with another number of assertions than planned, has failed."""
    report = TapReport()
    planned: int | None = None
    is_failing = False
    for line in output.splitlines():
        plan = _PLAN.match(line)
        assertion = _ASSERTION.match(line)
        if plan:
            planned = int(plan.group(1))
        elif assertion:
            report.count += 1
            is_failing = _note(report, assertion)
        elif line.startswith("#") and is_failing:
            report.failures[-1] += f"\n  {line}"
    if planned is None:
        report.failures.append("no plan: the file ended before it began, or never called plan()")
    elif planned != report.count:
        report.failures.append(f"planned {planned} assertions, ran {report.count}")
    return report


def _note(report: TapReport, assertion: re.Match[str]) -> bool:
    verdict, number, description = assertion.groups(default="")
    if int(number) != report.count:
        report.failures.append(f"assertion {report.count} calls itself {number}")
    if _DIRECTIVE.search(description):
        report.failures.append(f"skipped: {number} - {description}")
        return True
    if verdict == "not ok":
        report.failures.append(f"not ok {number} - {description}")
        return True
    return False
