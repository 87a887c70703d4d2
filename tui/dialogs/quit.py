"""The question before a run that trains here would stop."""

from __future__ import annotations

from tui.dialogs.choice import Choice, ChoiceDialog
from tui.studio.base_app import StudioApp


def ask_to_quit(app: StudioApp) -> ChoiceDialog:
    """Show the question, and do what is answered."""
    training = app.studio.training
    choices = [Choice("stop", "save and quit; press c on the Train screen later to continue", ("s", "y", "q"))]
    if not training.full:  # a run that can't be saved can't be handed over
        choices.append(Choice("keep", "quit, and keep training in the background", ("d", "k")))

    def on_answer(answer: str | None) -> None:
        if answer == "stop":
            app.exit(0)
        elif answer == "keep" and training.saving():
            app.notify(f"Quitting as soon as {training.run} is detached. Press ctrl+q to quit now.")
            training.hand_over(leave_after=True)

    state = "paused" if training.paused else "training"
    dialog = ChoiceDialog(f"{training.run} is {state}. Quit?", choices, escape="stay", safe=-1)
    app.push_screen(dialog, on_answer)
    return dialog
