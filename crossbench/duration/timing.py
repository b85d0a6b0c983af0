"""How long a prepared plan will take, and what is left out of it to keep within a budget."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from msgspec import structs

from crossbench.duration import earlier
from crossbench.machine.published import bandwidth
from crossbench.machine.temperature import celsius
from crossbench.plan.budget import within
from crossbench.plan.estimate import estimated
from crossbench.plan.modelled import modelled
from crossbench.plan.time import Pace
from crossbench.prompts.book import PromptBook
from crossbench.provision.prepare import Prepared


def timed(prepared: Prepared, *, runs: Path, budget_s: float | None) -> Prepared:
    """With its estimate, from earlier runs below `runs` where there are any, and cut to the budget.

    Prompts are salted anew where the plan was cut, so that a resumed run gets the same ones.
    """
    plan = structs.replace(prepared.plan, celsius=celsius())
    told = earlier.paces(plan, runs)
    paces: dict[str, Pace] = {}
    for target in plan.targets:
        pace = told.get(target.target) or modelled(plan, target, bandwidth(plan.machine))
        if pace is not None:
            paces[target.target] = pace
    if budget_s is None:
        plan = structs.replace(plan, estimate=estimated(plan, paces))
    else:
        plan = within(plan, paces, budget_s)
    book = prepared.book
    if isinstance(book, PromptBook) and plan.suite != prepared.plan.suite:
        book = PromptBook(book.tokenizer, plan.suite)
    return replace(prepared, plan=plan, book=book)
