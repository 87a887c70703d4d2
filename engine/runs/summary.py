"""The facts that a list of runs shows of each."""

from __future__ import annotations

from typing import Any

from engine.errors import DigittyError
from engine.formatting import printable
from engine.runs.control import Command, command_since
from engine.runs.metrics_log import is_step
from engine.runs.run import Run


def run_facts(run: Run) -> dict[str, Any]:
    """The facts that a listing shows of a run, or an "error" that says why it can't be read. Raises nothing: one bad run must not hide the others."""
    try:
        return _facts(run)
    except DigittyError as error:
        return {"run": run.name, "error": str(error)}
    except Exception as error:
        return {"run": run.name, "error": f"can't be read ({type(error).__name__}: {printable(error)})"}


def shown_state(facts: dict[str, Any]) -> str:
    """The state in words: a run that was told to stop or to pause, and has not done so yet, is stopping or pausing."""
    state, asked = str(facts["state"]), facts.get("asked")
    name, _, rest = state.partition(" ")
    if name in ("running", "paused") and asked == Command.STOP:
        return f"stopping {rest}".strip()
    return f"pausing {rest}".strip() if name == "running" and asked == Command.PAUSE else state


def _command(run: Run) -> Command | None:
    """The latest command that the run's present writer was sent through its folder."""
    started = run.owner().get("started")
    return command_since(run.control_path, started) if isinstance(started, int | float) else None


def _facts(run: Run) -> dict[str, Any]:
    """Raises RunError if its config.json can't be read, StorageError if its metrics can't."""
    config, created = run.config(), run.created()
    last = run.last(is_step, b'"loss"')
    step, loss = (last["step"], last["loss"]) if last else (0, None)
    return {
        "run": run.name,
        "state": run.state(),
        "asked": _command(run),
        "preset": config.preset,
        "data": config.data.name,
        "data_size": [config.data.height, config.data.width],
        "data_licence": config.data.licence,
        "data_shown": config.data.short_name,
        "step": step,
        "total_steps": config.total_steps,
        "loss": loss,
        "created": created,
        "written": run.modified(),
        "bytes": run.size(),
        "path": str(run.path),
    }
