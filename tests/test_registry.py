"""Broken plugins, installed as real distributions on the path, are named and hurt nobody else."""

from __future__ import annotations

import sys
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path

import pytest

from crossbench.errors import InputError
from crossbench.registry import PluginProblem, Registry

HEAD = (
    "from crossbench.api import BackendSpec, EnvSpec\nfrom crossbench.hookspecs import hookimpl\n"
)
SPEC = (
    "BackendSpec(name={name!r}, factory='crossbench.testing.null:NullEngine', "
    "options='crossbench.testing.null:NullOptions', distributions=(), "
    "environments={{'host': EnvSpec(requirements=())}}, capabilities=frozenset())"
)


def hook(*names: str) -> str:
    yields = "".join(f"    yield {SPEC.format(name=name)}\n" for name in names)
    return f"{HEAD}@hookimpl\ndef crossbench_backends():\n{yields}"


class Site:
    """A folder on the path into which plugins are installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, name: str, code: str, group: str = "crossbench.v1") -> None:
        module = f"{name}_plugin"
        (self.folder / f"{module}.py").write_text(code)
        info = self.folder / f"dist_{name}-1.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: dist-{name}\nVersion: 1.5\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}\n")

    def points(self) -> list[EntryPoint]:
        found: list[Distribution] = list(distributions(path=[str(self.folder)]))
        return [point for distribution in found for point in distribution.entry_points]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.syspath_prepend(str(tmp_path))
    known = set(sys.modules)
    yield_site = Site(tmp_path)
    yield_site.install("good", hook("good"))
    monkeypatch.setattr(sys, "modules", {n: m for n, m in sys.modules.items() if n in known})
    return yield_site


def only(registry: Registry) -> PluginProblem:
    (problem,) = registry.problems
    return problem


BROKEN = {
    "import": ("raise ValueError('no engine here')", "import", "ValueError: no engine here"),
    "syntax": ("def", "import", "SyntaxError"),
    "exits": ("raise SystemExit(3)", "import", "SystemExit: 3"),
    "misspelt": (
        hook("x").replace("crossbench_backends", "crossbench_backend"),
        "register",
        "unknown hook 'crossbench_backend' (did you mean 'crossbench_backends'?)",
    ),
    "hookless": ("x = 1", "register", "implements no hook"),
    "arguments": (
        f"{HEAD}@hookimpl\ndef crossbench_backends(plan):\n    return []\n",
        "register",
        "PluginValidationError",
    ),
    "raises": (
        f"{HEAD}@hookimpl\ndef crossbench_backends():\n    raise KeyError('lost')\n",
        "call",
        "KeyError: 'lost'",
    ),
    "exits-in-hook": (
        f"{HEAD}@hookimpl\ndef crossbench_backends():\n    raise SystemExit('bye')\n",
        "call",
        "SystemExit: bye",
    ),
    "panics-in-hook": (
        f"{HEAD}@hookimpl\ndef crossbench_backends():\n    raise BaseException('panic')\n",
        "call",
        "BaseException: panic",
    ),
    "no-iterable": (
        f"{HEAD}@hookimpl\ndef crossbench_backends():\n    return 5\n",
        "call",
        "it returned a int; allowed: iterable of BackendSpec",
    ),
    "no-list": (
        f"{HEAD}@hookimpl\ndef crossbench_backends():\n    return {SPEC.format(name='x')}\n",
        "call",
        "it returned a BackendSpec; allowed is an iterable of them",
    ),
    "wrong-type": (
        f"{HEAD}@hookimpl\ndef crossbench_backends():\n    return ['vllm']\n",
        "declaration",
        "it yielded a str; allowed: BackendSpec",
    ),
    "panics": ("raise BaseException('panic')", "import", "BaseException: panic"),
    "wrong-field": (
        hook("x").replace("environments={'host': EnvSpec(requirements=())}", "environments=['x']"),
        "declaration",
        "its BackendSpec is wrong: Expected `object`, got `array`",
    ),
    "letters": (
        hook("x").replace("distributions=()", "distributions='numpy'"),
        "declaration",
        "its BackendSpec is wrong: Expected `array`, got `str`",
    ),
    "bad-variant": (hook("x").replace("'host'", "'../host'"), "declaration", "variants ../host"),
    "dashes": (hook("--x"), "declaration", "backend name '--x'"),
    "bad-name": (hook("../evil"), "declaration", "backend name '../evil'"),
    "bad-factory": (
        hook("x").replace("crossbench.testing.null:NullEngine", "m.F"),
        "declaration",
        "factory 'm.F'",
    ),
    "no-factory": (
        hook("x").replace("factory='crossbench.testing.null:NullEngine', ", ""),
        "call",
        "TypeError: Missing required argument 'factory'",
    ),
    "lost-factory": (
        hook("x").replace("null:NullEngine", "null:Nothing"),
        "declaration",
        "module 'crossbench.testing.null' has no 'Nothing'",
    ),
    "lost-options": (
        hook("x").replace("crossbench.testing.null:NullOptions", "nowhere:Options"),
        "declaration",
        "options 'nowhere:Options': there is no package 'nowhere'",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_is_named_and_hurts_nobody_else(site: Site, name: str) -> None:
    code, stage, cause = BROKEN[name]
    site.install(name.replace("-", "_"), code)
    registry = Registry(site.points())
    assert list(registry.backends) == ["good"]
    problem = only(registry)
    assert problem.stage == stage
    assert cause in problem.cause
    assert f"(dist-{name.replace('-', '_')} 1.5)" in str(problem)


def test_another_contract_version_is_named(site: Site) -> None:
    site.install("later", hook("later"), group="crossbench.v2")
    problem = only(Registry(site.points()))
    assert problem.stage == "contract"
    assert problem.cause == "it is built for contract v2; this crossbench speaks v1"


def test_two_providers_of_one_name_are_both_named(site: Site) -> None:
    site.install("other", hook("good", "extra"))
    registry = Registry(site.points())
    assert sorted(registry.backends) == ["extra", "good"]
    assert registry.backends["good"].origin.plugin == "good"
    problem = only(registry)
    assert problem.stage == "name"
    assert problem.origin.plugin == "other"
    assert "good (dist-good 1.5)" in problem.cause


def test_an_unknown_backend_names_the_nearest_and_what_is_broken(site: Site) -> None:
    site.install("sick", "raise ValueError('ill')")
    with pytest.raises(InputError) as error:
        Registry(site.points()).backend("goood")
    assert "unknown backend 'goood' (did you mean 'good'?); known: good" in str(error.value)
    assert "sick (dist-sick 1.5)" in str(error.value)


def test_built_ins_come_through_entry_points() -> None:
    registry = Registry()
    assert not registry.problems
    assert registry.backends["null"].origin.distribution == "crossbench"
    assert registry.backends["llamacpp"].origin.distribution == "crossbench-llamacpp"


LINT = (
    f"{HEAD}from crossbench.api import Finding\n@hookimpl\ndef crossbench_lint(plan):\n"
    "    yield Finding(rule='r', severity='note', targets=(), evidence=str(plan), fix='f')\n"
)


def test_every_plugin_is_asked_for_findings_and_a_broken_one_is_named(site: Site) -> None:
    site.install("strict", LINT)
    site.install("lost", f"{HEAD}@hookimpl\ndef crossbench_lint(plan):\n    raise KeyError('x')\n")
    site.install("odd", f"{HEAD}@hookimpl\ndef crossbench_lint(plan):\n    return [3]\n")
    registry = Registry(site.points())
    (finding,) = registry.findings("the plan")  # type: ignore[arg-type]
    assert (finding.rule, finding.evidence) == ("r", "the plan")
    assert [(p.origin.plugin, p.stage) for p in registry.problems] == [
        ("lost", "call"),
        ("odd", "declaration"),
    ]
    assert "crossbench_lint: KeyError: 'x'" in registry.problems[0].cause


def declaring(hook: str, *declared: str) -> str:
    yields = "".join(f"    yield {each}\n" for each in declared)
    types = "from crossbench.api import ProbeSpec, ReporterSpec\n"
    return f"{HEAD}{types}@hookimpl\ndef {hook}():\n{yields}"


def reporter(name: str, ending: str = "x", render: str = "json:dumps") -> str:
    return f"ReporterSpec(name={name!r}, ending={ending!r}, render={render!r})"


def probe(name: str, factory: str = "json:JSONDecoder") -> str:
    return f"ProbeSpec(name={name!r}, factory={factory!r})"


@pytest.mark.parametrize(
    ("declared", "cause"),
    [
        (reporter("../up"), "format name '../up'; allowed: a-z, 0-9 and dashes"),
        (reporter("a", ending="../x"), "ending '../x' of format 'a'; allowed: such as 'junit.xml'"),
        (reporter("a", render="json.dumps"), "render 'json.dumps'; allowed:"),
        (reporter("a", render="json:nothing"), "module 'json' has no 'nothing'"),
        (reporter("md"), "format 'md' is already provided"),
        (reporter("first"), "format 'first' is already provided"),
        ("'md'", "it yielded a str; allowed: ReporterSpec"),
    ],
)
def test_a_broken_format_is_named_and_the_others_are_offered(
    site: Site, declared: str, cause: str
) -> None:
    site.install("early", declaring("crossbench_reporters", reporter("first")))
    site.install("late", declaring("crossbench_reporters", declared, reporter("second")))
    registry = Registry(site.points())
    assert list(registry.reporters(["md"])) == ["first", "second"]
    problem = only(registry)
    assert problem.origin.plugin == "late"
    assert cause in problem.cause


@pytest.mark.parametrize(
    ("declared", "cause"),
    [
        (probe("../up"), "probe name '../up'"),
        (probe("a", "json:nothing"), "module 'json' has no 'nothing'"),
        (probe("host"), "probe 'host' is already provided"),
        ("3", "it yielded a int; allowed: ProbeSpec"),
    ],
)
def test_a_broken_probe_is_named_and_the_others_are_read(
    site: Site, declared: str, cause: str
) -> None:
    site.install("late", declaring("crossbench_probes", declared, probe("meter")))
    registry = Registry(site.points())
    assert [spec.name for _, spec in registry.provided_probes()] == ["meter"]
    assert "meter" in [spec.name for spec in registry.probes()]
    assert cause in only(registry).cause
