"""What is asked before a run that trains here would stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.dialogs.choice import Choice, ChoiceDialog

if TYPE_CHECKING:
    from tui.app import DigittyApp


def ask_to_quit(app: DigittyApp) -> ChoiceDialog:
    """Shows the question, and does what is answered."""
    training = app.training
    choices = [Choice("stop", "save it and leave; c goes on with it another time", ("s", "y", "q"))]
    if not training.full:
        choices.append(Choice("keep", "leave, but let it train on in a process of its own", ("d", "k")))

    def answered(answer: str | None) -> None:
        if answer == "stop":
            app.exit(0)
        elif answer == "keep" and training.saving():
            training.hand_over(leave_after=True)
            app.notify(f"leaving as soon as {training.run} is handed over; q leaves at once")
            app.training_told()

    question = ChoiceDialog(f"{training.run} is training. Leave?", choices, escape="stay", safe=-1)
    app.push_screen(question, answered)
    return question
