"""The command line: click commands, no logic. Each command's module is imported when it is used."""

from __future__ import annotations

import importlib
import signal
import sys
from types import FrameType

import click

from crossbench import __version__

COMMANDS = {
    "run": "Measure a suite on this machine and write its report.",
    "plan": "Show what a suite would run here, what not and why.",
    "report": "Rebuild the reports of a run, or make one report of several runs.",
    "publish": "Copy runs into a folder without anything private, and write its index.",
    "compare": "Hold two runs or targets against each other: ratios, intervals, verdicts.",
    "doctor": "Show this machine, its plugins and environments, and what to fix.",
    "plugins": "List plugins, check one, begin one of your own.",
    "envs": "The isolated environments that engines run in.",
    "suite": "Check, expand and describe suite files.",
}
INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
EXIT_FAILED, EXIT_INPUT, EXIT_NOTHING, EXIT_INTERNAL, EXIT_INTERRUPTED = 1, 2, 3, 70, 130


class _Lazy(click.Group):
    """A group that imports a command only when it is called; `--help` needs none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All of them, in the order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command itself."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"crossbench.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 all measured; 1 some cells failed; 2 wrong input; 3 nothing can run "
    "here; 4 --fail-on tripped; 130 interrupted.",
)
@click.version_option(__version__, prog_name="crossbench")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.option("--disable", multiple=True, metavar="PLUGIN", help="Leave this plugin alone.")
def cli(debug: bool, disable: tuple[str, ...]) -> None:
    """Compare LLM inference engines on identical prompts, honestly."""
    if disable:
        from crossbench.plugins.switch import switch_off  # noqa: PLC0415 - keeps --help quick

        switch_off(disable)


def main() -> None:
    """The console script: run a command and turn what goes wrong into one message and a code."""
    for number in INTERRUPTS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    try:
        code = _guarded("--debug" in sys.argv[1:])
        _deafen()
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    sys.exit(code)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Ctrl-C, a lost terminal or a shutdown comes once; the end that follows is bounded."""
    _deafen()
    raise KeyboardInterrupt


def _deafen() -> None:
    for number in INTERRUPTS:
        signal.signal(number, signal.SIG_IGN)


def _guarded(debug: bool) -> int:
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        return EXIT_INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception as error:  # no traceback reaches a user who did not ask for it
        if debug:
            raise
        return _explained(error)
    return code if isinstance(code, int) else 0


def _explained(error: Exception) -> int:
    """Print one message and give the exit code."""
    from crossbench.errors import (  # noqa: PLC0415 - keeps --help quick
        CrossbenchError,
        EnvironmentFailure,
        JournalFailure,
        NothingToRun,
        PluginFailure,
    )

    if not isinstance(error, CrossbenchError):
        click.echo(
            f"crossbench: internal error: {type(error).__name__}: {error}\n"
            "This is a fault of crossbench; `crossbench --debug ...` shows where.",
            err=True,
        )
        return EXIT_INTERNAL
    click.echo(f"crossbench: {error}", err=True)
    codes = {
        NothingToRun: EXIT_NOTHING,
        JournalFailure: EXIT_FAILED,
        EnvironmentFailure: EXIT_FAILED,
        PluginFailure: EXIT_FAILED,
    }
    return codes.get(type(error), EXIT_INPUT)
