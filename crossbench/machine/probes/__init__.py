"""What of the machine is read again and again while work runs, in a process of its own."""

from __future__ import annotations

from crossbench.api import ProbeSpec

BUILT_IN = (
    ProbeSpec(name="nvml", factory="crossbench.machine.probes.nvml:NvmlProbe"),
    ProbeSpec(name="processor", factory="crossbench.machine.probes.processor:ProcessorProbe"),
    ProbeSpec(name="rapl", factory="crossbench.machine.probes.rapl:RaplProbe"),
    ProbeSpec(name="ioreport", factory="crossbench.machine.probes.ioreport:IoReportProbe"),
    ProbeSpec(name="pressure", factory="crossbench.machine.probes.pressure:PressureProbe"),
    ProbeSpec(name="host", factory="crossbench.machine.probes.host:HostProbe"),
    ProbeSpec(name="tree", factory="crossbench.machine.probes.tree:TreeProbe"),
    ProbeSpec(name="pcie", factory="crossbench.machine.probes.pcie:PcieProbe"),
)
"""Read in this order, what takes long last: the values of one reading lie that far apart."""
