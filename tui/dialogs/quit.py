"""The question before a run that trains here would stop."""

from __future__ import annotations

from tui.dialogs.choice import Choice, ChoiceDialog
from tui.studio.base_app import StudioApp


def ask_to_quit(app: StudioApp) -> ChoiceDialog:
    """Show the question, and do what is answered."""
    training = app.studio.training
    choices = [Choice("stop", "save it and leave; c goes on with it another time", ("s", "y", "q"))]
    if not training.full:  # what can't be saved can't be handed over
        choices.append(Choice("keep", "leave, but let it train on in a process of its own", ("d", "k")))

    def on_answer(answer: str | None) -> None:
        if answer == "stop":
            app.exit(0)
        elif answer == "keep" and training.saving():
            app.notify(f"leaving as soon as {training.run} is handed over; q leaves at once")
            training.hand_over(leave_after=True)

    dialog = ChoiceDialog(f"{training.run} is training. Leave?", choices, escape="stay", safe=-1)
    app.push_screen(dialog, on_answer)
    return dialog
