"""Apple silicon as the system's own programs tell of it, here scripts that stand for them.

No Mac has run this: what they print is put together from Apple's manual pages and from outputs that
others have published.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from crossbench.machine import apple

GIB = 2**30
Print = Callable[..., None]

SYSCTL = {
    "machdep.cpu.brand_string": "Apple M3 Max",
    "hw.perflevel0.physicalcpu": "12",
    "hw.perflevel1.physicalcpu": "4",
    "iogpu.wired_limit_mb": "114688",
}
DISPLAYS = json.dumps(
    {
        "SPDisplaysDataType": [
            {"_name": "Apple M3 Max", "sppci_cores": "40", "sppci_model": "Apple M3 Max"}
        ]
    }
)
SETTINGS = """\
System-wide power settings:
Currently in use:
 standby              1
 lowpowermode         {low}
 sleep                1
"""
POWER = "Now drawing from '{source}'\n -InternalBattery-0 (id=1)\t80%; charging; present: true\n"
COOL = """\
Note: No thermal warning level has been recorded
Note: No performance warning level has been recorded
Note: No CPU power status has been recorded
"""
HOT = """\
Thermal warning level set to 5
Note: No performance warning level has been recorded
CPU Power notify
\tCPU_Scheduler_Limit \t= 100
\tCPU_Available_CPUs \t= 16
\tCPU_Speed_Limit \t= 70
"""


@pytest.fixture
def prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Print:
    """Puts programs on the PATH that print this."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def put(
        *, low: int = 0, source: str = "AC Power", heat: str = COOL, displays: str = DISPLAYS
    ) -> None:
        cases = "".join(f"{name}) echo '{text}';;\n" for name, text in SYSCTL.items())
        script(folder / "sysctl", f'case "$2" in\n{cases}*) exit 1;;\nesac\n')
        texts = {"": SETTINGS.format(low=low), "batt": POWER.format(source=source), "therm": heat}
        for name, text in texts.items():
            (folder / f"pmset.{name}").write_text(text)
        script(folder / "pmset", f'cat "{folder}/pmset.$2"\n')
        (folder / "displays").write_text(displays)
        script(folder / "system_profiler", f'cat "{folder}/displays"\n')

    return put


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(0o755)


def test_a_mac_at_its_best(prints: Print) -> None:
    prints()
    mac = apple.observe()
    assert mac.device == "Apple M3 Max (40c)"
    assert (mac.performance_cores.value, mac.efficiency_cores.value) == (12, 4)
    assert mac.wired_limit_bytes.value == 112 * GIB
    assert (mac.low_power_mode.value, mac.on_battery.value) == (False, False)
    assert mac.thermal_warning.value is None
    assert mac.thermal_warning.reason == "pmset -g therm has recorded neither a limit nor a warning"


def test_limits_that_slow_nothing_down_are_none(prints: Print) -> None:
    prints(heat="CPU Power notify\n\tCPU_Scheduler_Limit \t= 100\n\tCPU_Speed_Limit \t= 100\n")
    assert apple.observe().thermal_warning.value == "none"


def test_a_mac_that_is_held_back(prints: Print) -> None:
    prints(low=1, source="Battery Power", heat=HOT)
    mac = apple.observe()
    assert (mac.low_power_mode.value, mac.on_battery.value) == (True, True)
    assert mac.thermal_warning.value == "CPU_Speed_Limit 70 %, thermal warning level 5"


@pytest.mark.parametrize("displays", ["", "no json", "{}", '{"SPDisplaysDataType": [{}]}'])
def test_what_a_program_does_not_tell_has_a_reason(prints: Print, displays: str) -> None:
    prints(displays=displays)
    mac = apple.observe()
    assert mac.device is None
    assert mac.gpu_cores.reason == "system_profiler SPDisplaysDataType does not tell it"


def test_elsewhere_every_fact_has_a_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    mac = apple.observe()
    for field in mac.__struct_fields__:
        reading = getattr(mac, field)
        assert reading.value is None
        assert reading.reason
