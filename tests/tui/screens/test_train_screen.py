"""A run in the Train screen: started, watched, paused, stopped, continued; or trained by somebody else."""

from __future__ import annotations

import os

import pytest
from fake_training import ENGINE, cut_off, log_step, loss_at, preview, save
from fakes import FakeJobs, finished_run
from textual.widgets import Input, Select
from user import LARGE, SIZES, User, opened, start

from engine.config.serialize import with_changes
from engine.config.training import PRESETS
from engine.process.machine import MachineLoad, MachineMeter
from engine.protocol.events import Detached
from engine.protocol.recipe import Images
from engine.protocol.requests import TrainRequest
from engine.runs.manage import create_run, delete_run, name_taken
from engine.runs.run import find_run
from engine.runs.writer import open_writer
from tui.dialogs.enlarged import EnlargedDialog
from tui.dialogs.new_run import NewRunDialog
from tui.runs.history import RunHistory
from tui.runs.text import trainer_name
from tui.runs.trainer_status import Intervals
from tui.screens.train import RECENT, TrainScreen
from tui.terminal.capabilities import Terminal
from tui.widgets.image_view import ImageView
from tui.widgets.invitation import Example
from tui.widgets.loss_chart import LossChart


def previews(person: User) -> Images | None:
    return person.app.screen.query_one("#previews", ImageView).images


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
async def test_a_run_is_started_watched_and_finishes(size: tuple[int, int]) -> None:
    async with opened(size=size) as person:
        await person.press("f5")
        await person.sees("No run yet. Choose what to train")
        await start(person, epochs="3", name="mine")
        await person.sees("mine", "finished", "epoch 3/3", "step 12/12", "loss 0.0769", "best 0.0769")
        await person.sees("previews: step 12", "epoch  average", "1  0.2000    0:01 *", "3  0.0769", "batch 128 · adam 0.001 cosine")
        await person.is_told("mine has finished training. Press w outside an input to draw with it.")
        assert "100%" in person.screen
        assert previews(person) is not None
    assert find_run("mine").state() == "finished"


@pytest.mark.slow
async def test_numbers_while_it_trains() -> None:
    async with opened(FakeJobs(train_holds_at=6), LARGE) as person:
        await start(person)
        await person.sees(
            "seed-1", "training", "epoch 2/10", "step 6/40", "8.00 steps/s", "1024 img/s", "lr 1.0e-03", "left 0:04", "300 MB", "15%", "50%"
        )


@pytest.mark.slow
async def test_the_machine_is_measured_only_while_a_run_trains_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    readings: list[str] = []

    def read(meter: MachineMeter) -> MachineLoad:
        readings.append("")
        return MachineLoad(0.98, 5_100_000_000, 7_800_000_000)

    monkeypatch.setattr(MachineMeter, "read", read)
    monkeypatch.setattr("tui.screens.run_screen.METER_EVERY", 0.0)
    finished_run("older", PRESETS["quick"])
    jobs = FakeJobs(train_holds_at=6)
    async with opened(jobs, LARGE) as person:
        await person.press("f5")
        await person.sees("older  finished")
        assert not readings
        await start(person, epochs="2", name="mine")
        await person.sees("step 6/8", "CPU 98%", "memory 5.1/7.8 GB", "ends about")
        await person.press("space")
        await person.sees("paused")
        await person.sees_no_more("CPU")
        count = len(readings)
        await person.pilot.pause(1.1)
        assert len(readings) <= count + 1, "a paused run needs none"


@pytest.mark.slow
async def test_pause_and_go_on() -> None:
    async with opened(FakeJobs(train_holds_at=2)) as person:
        await start(person, epochs="1")
        await person.sees("step 2/4")
        await person.press("space")
        await person.sees("paused", "space resume")
        assert find_run("seed-1").state() == "paused"
        await person.until(lambda: person.app.studio.training.paused)  # its file says so a moment earlier
        await person.press("q")
        await person.sees("seed-1 is paused. Quit?")
        await person.press("escape")
        person.jobs.go_on_training.set()
        await person.pilot.pause(0.1)
        assert "step 3/4" in person.screen
        await person.press("space")
        await person.sees("finished", "step 4/4")


@pytest.mark.slow
async def test_the_footer_shows_the_keys_that_work_now() -> None:
    jobs = FakeJobs(train_holds_at=5)
    jobs.go_on_starting.clear()
    async with opened(jobs) as person:
        await person.press("f5")
        await person.footer_is("n new v runs ? help q quit")
        await start(person, name="mine", epochs="3")
        await person.footer_is("x stop d detach v runs ? help q quit")
        jobs.go_on_starting.set()
        await person.footer_is("space pause x stop d detach v runs l linear t recent ←→ previews ? help q quit")
        await person.press("space")
        await person.footer_is("space resume x stop d detach v runs l linear t recent ←→ previews ? help q quit")
        await person.press("t", "x")
        await person.footer_is("c continue n new v runs l linear t all ←→ previews ? help q quit")
        jobs.train_holds_at = 9
        await person.press("c")
        await person.footer_is("space pause x stop d detach v runs l linear t all ←→ previews ? help q quit")
        jobs.go_on_training.set()
        await person.footer_is("c longer n new v runs l linear t all ←→ previews ? help q quit")


@pytest.mark.slow
async def test_stop_saves_and_the_dialog_continues_it() -> None:
    jobs = FakeJobs(train_holds_at=6)
    async with opened(jobs) as person:
        await start(person, epochs="3", name="mine")
        await person.sees("step 6/12")
        await person.press("n")
        await person.is_told("mine is already training here. Press x to stop it, or d to detach it.")
        await person.press("x")
        await person.sees("stopped", "idle")
        run = find_run("mine")
        assert (run.state(), run.states()[-1][0]) == ("stopped", 7)

        await person.press("n")
        dialog = person.app.screen
        assert isinstance(dialog, NewRunDialog)
        await person.until(lambda: dialog.focused)
        dialog.query_one("#resume", Select).focus()
        await person.press("enter")
        await person.until(lambda: dialog.query_one("#resume", Select).expanded)
        await person.press("down", "enter")
        await person.until(lambda: dialog.query_one("#resume", Select).value == "mine")
        await person.until(lambda: dialog.query_one("#epochs", Input).value == "3")
        assert dialog.query_one("#preset").disabled
        dialog.query_one("#epochs", Input).focus()
        jobs.go_on_training.set()
        await person.press("enter")
        await person.sees("finished", "step 12/12", "epoch 3/3")
        assert (jobs.trainings[1].resume, jobs.trainings[1].config.epochs) == ("mine", 3)


async def test_a_run_of_another_process_is_followed_live() -> None:
    config = with_changes(PRESETS["quick"], limit=128 * 4)
    run = create_run("theirs", config, ENGINE)
    with open_writer(run) as writer:
        writer.event("started", 0)
        log_step(writer, 1)
        writer.flush()
        async with opened() as person:
            await person.press("f5")
            await person.sees("theirs", "training on", f"(pid {os.getpid()})", "step 1/8", "loss 0.5000")
            assert previews(person) is None
            for step in (2, 3):
                log_step(writer, step)
            writer.flush()
            pictures = preview(writer, 3)
            await person.sees("step 3/8", "loss 0.2500", "previews: step 3")
            assert previews(person) == pictures
            assert person.app.studio.training_runs() == []


@pytest.mark.slow
async def test_a_run_of_another_process_is_paused_and_stopped_through_its_folder() -> None:
    theirs = FakeJobs(train_holds_at=2)
    assert list(theirs.detach(TrainRequest(PRESETS["quick"], run="theirs")))[-1] == Detached("theirs")
    try:
        async with opened() as person:
            await person.is_told("theirs is training on")
            await person.is_told("Press F5 to watch it")
            await person.press("f5")
            await person.sees("theirs  training on", f"(pid {os.getpid()})", "step 2/8", "space pause", "x stop")
            await person.footer_is("space pause x stop n new v runs l linear t recent ? help q quit")
            await person.press("space")
            await person.is_told(f"Asked {trainer_name(find_run('theirs'))} to pause theirs.")
            await person.sees("theirs  paused on", "space resume")
            assert find_run("theirs").state() == "paused"
            await person.press("space")
            await person.is_told("to resume theirs.")
            await person.sees("theirs  training on", "space pause")
            await person.press("d")
            await person.is_told("is already training in another process")
            await person.press("c")
            await person.is_told("theirs is already being trained")
            await person.press("x")
            await person.is_told("to stop theirs.")
            await person.sees("theirs  stopped", "c continue")
            await person.press("x")
            await person.is_told("theirs is not being trained. Press c to continue it.")
        assert find_run("theirs").state() == "stopped"
    finally:
        theirs.end()
        theirs.processes[0].join(10)


async def test_a_run_that_does_not_answer_is_reported() -> None:
    run = create_run("deaf", PRESETS["quick"], ENGINE)
    with open_writer(run) as writer:
        writer.event("started", 0)
        log_step(writer, 1)
        writer.flush()
        async with opened(size=LARGE) as person:
            await person.press("f5")
            await person.sees("deaf", "training on")
            await person.press("x")
            await person.sees("asked to stop")
            person.app._train_screen()._trainer.intervals = Intervals(answer=0.0)
            await person.is_told("is training deaf but does not respond. Try again later.")
            await person.sees_no_more("asked to stop")


async def test_a_run_that_was_cut_off_is_offered_and_goes_on_with_one_key() -> None:
    run = cut_off("dead")
    jobs = FakeJobs()
    async with opened(jobs) as person:
        await person.is_told("dead was interrupted at step 6. Press F5, then c to continue from step 4.")
        await person.press("f5")
        await person.sees("dead  interrupted", "step 6/8", "c continue")
        await person.press("c")
        await person.sees("dead  finished", "step 8/8")
    assert jobs.trainings == [TrainRequest(run.config(), resume="dead", when_full="ask")]


async def test_nothing_is_said_of_a_run_that_ended_in_order_or_never_saved() -> None:
    cut_off("unsaved", saved=0)
    async with opened() as person:
        await person.press("f5")
        await person.sees("unsaved  interrupted", "idle")
        await person.pilot.pause(0.1)
        assert not person.notices


async def test_a_run_that_somebody_deletes_is_shown_no_more() -> None:
    finished_run("older", PRESETS["quick"])
    run = finished_run("mine", PRESETS["quick"])
    async with opened() as person:
        await person.press("f5")
        await person.sees("mine  finished")
        delete_run(run)
        await person.is_told("mine was renamed or deleted elsewhere.")
        await person.sees("older  finished")
        assert not run.path.exists()


@pytest.mark.slow
async def test_continuing_what_was_stopped_and_not_what_is_done() -> None:
    jobs = FakeJobs(train_holds_at=2)
    async with opened(jobs) as person:
        await person.press("f5", "c")
        await person.is_told("No run yet.")
        await start(person, epochs="1", name="mine")
        await person.sees("step 2/4")
        await person.press("c")
        await person.is_told("mine is already being trained")
        await person.press("x")
        await person.sees("mine  stopped", "c continue")
        jobs.go_on_training.set()
        await person.press("c")
        await person.sees("mine  finished", "step 4/4")
        await person.footer_is("c longer n new v runs l linear t recent ←→ previews ? help q quit")
        for key in ("x", "space", "d"):
            await person.press(key)
            await person.is_told("mine has finished. Press c to train it for longer.")
            person.app.clear_notifications()
        await person.press("c")
        await person.sees("4 of 4 steps are done")
        assert person.app.focused is person.app.screen.query_one("#epochs")
        await person.press("ctrl+s")
        await person.sees("mine has done its 4 steps; enter more than 1 epochs to train")
        await person.press("backspace", "2", "enter")
        await person.sees("mine  finished", "step 8/8")
    assert [request.resume for request in jobs.trainings] == [None, "mine", "mine"]


@pytest.mark.slow
async def test_one_run_at_a_time_trains_here() -> None:
    finished_run("older", PRESETS["quick"])
    cut_off("dead")
    jobs = FakeJobs(train_holds_at=2)
    async with opened(jobs, LARGE) as person:
        await start(person, name="mine")
        await person.sees("mine  training", "step 2/40")
        person.app._train_screen().show_named("dead")
        await person.sees("dead  interrupted")
        await person.press("c")
        await person.is_told("mine is already training here. Press v to show it, then x to stop it or d to detach it.")
        await person.press("space")
        await person.is_told("dead is not being trained. mine trains here: press v to show it.")
        assert len(jobs.trainings) == 1
        assert find_run("mine").state() == "running", "keys are for the run that is shown"


@pytest.mark.slow
async def test_a_run_can_be_stopped_before_it_has_begun() -> None:
    jobs = FakeJobs()
    jobs.go_on_starting.clear()
    finished_run("older", PRESETS["quick"])
    async with opened(jobs) as person:
        await start(person, name="mine")
        await person.sees("mine  reading MNIST…", "x stop")
        await person.press("space")
        await person.is_told("The run has not started yet.")
        await person.press("x")
        await person.sees("older  finished", "idle")
    assert not name_taken("mine")


@pytest.mark.slow
async def test_a_new_run_has_the_view_to_itself_while_it_starts() -> None:
    jobs = FakeJobs(train_holds_at=2)
    jobs.go_on_starting.clear()
    finished_run("older", PRESETS["quick"])
    async with opened(jobs) as person:
        await start(person, name="mine")
        await person.sees("mine  reading MNIST…", "The loss says how far off")
        assert "older" not in person.screen
        assert "quick · batch" not in person.screen
        assert previews(person) is None
        await person.press("v")
        await person.sees("enter shows")
        await person.press("enter")
        await person.sees("older  finished", "quick · batch 128")
        assert not any("reading MNIST" in line for line in person.screen.splitlines()[1:])
        await person.press("x")
        await person.is_told("older is not being trained. mine trains here: press v to show it.")
        jobs.go_on_starting.set()
        await person.sees("mine  epoch", "step 2/40")


@pytest.mark.slow
async def test_starting_a_second_run_on_this_machine_asks_first() -> None:
    theirs = FakeJobs(train_holds_at=2)
    assert list(theirs.detach(TrainRequest(PRESETS["quick"], run="quick-1")))[-1] == Detached("quick-1")
    cut_off("dead")
    jobs = FakeJobs(train_holds_at=2)
    try:
        async with opened(jobs) as person:
            await person.press("f5")
            await person.sees("quick-1  training on")
            for key in ("n", "c"):
                if key == "c":
                    person.app._train_screen().show_named("dead")
                    await person.sees("dead  interrupted")
                await person.press(key)
                await person.sees("quick-1 is training on this machine; two runs share its", "Start another?")
                await person.press("enter")  # the safe answer
                await person.sees_no_more("Start another?")
                assert isinstance(person.app.screen, TrainScreen)
                assert not jobs.trainings
            await person.press("c", "s")
            await person.sees("dead  epoch", "step 5/8", "space pause")
        assert [request.resume for request in jobs.trainings] == ["dead"]
    finally:
        theirs.end()
        theirs.processes[0].join(10)


@pytest.mark.slow
async def test_n_and_c_while_a_run_stops_or_is_detached_say_to_wait() -> None:
    jobs = FakeJobs(train_holds_at=2)
    jobs.go_on_ending.clear()
    async with opened(jobs) as person:
        await start(person, epochs="3", name="mine")
        await person.sees("step 2/12")
        await person.press("x")
        await person.sees_no_more("space pause")
        assert not {"stop", "detach"} & set(person.footer.split())
        for key in ("n", "c"):
            person.app.notices.log.clear()
            await person.press(key)
            await person.is_told("mine is saving and stopping. Try again when it has stopped.")
        jobs.go_on_ending.set()
        await person.sees("mine  stopped", "n new")
        jobs.go_on_detaching.clear()
        jobs.train_holds_at = 5
        await person.press("c")
        await person.sees("mine  epoch", "step 5/12", "d detach")
        await person.press("d", "n")
        await person.is_told("mine is being detached. Try again when that is done.")


async def test_the_footer_offers_to_resume_as_soon_as_a_pause_was_asked_for() -> None:
    run = create_run("theirs", PRESETS["quick"], ENGINE)
    with open_writer(run) as writer:
        writer.event("started", 0)
        log_step(writer, 1)
        writer.flush()
        async with opened() as person:
            await person.press("f5")
            await person.sees("space pause")
            await person.press("space")
            await person.sees("asked to pause", "space resume")


@pytest.mark.slow
async def test_what_a_trainer_has_to_say_is_a_notice() -> None:
    jobs = FakeJobs()
    jobs.notices.append("mine was trained in bf16, which cpu lacks")
    async with opened(jobs) as person:
        await start(person, epochs="1")
        await person.is_told("mine was trained in bf16, which cpu lacks")


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
async def test_that_nothing_is_saved_is_shown_plainly(size: tuple[int, int]) -> None:
    run = create_run("theirs", with_changes(PRESETS["quick"], limit=128 * 4), ENGINE)
    with open_writer(run) as writer:
        writer.event("started", 0)
        log_step(writer, 1)
        save(writer, 1)
        writer.event("unsaved", 1, message="can't write state.pt: No space left on device")
        log_step(writer, 2)
        writer.flush()
        async with opened(size=size) as person:
            await person.press("f5")
            await person.sees("not saved since step 1: can't write state.pt: No space left")
            writer.event("saved", 2)
            await person.sees_no_more("not saved")


@pytest.mark.slow
async def test_a_long_run_shows_its_numbers_at_once_and_hears_keys_while_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The budget is nothing here: a block of lines a look, and none but the first within the time of this test."""
    monkeypatch.setattr("tui.screens.run_screen.SOON", 1000.0)
    monkeypatch.setattr("tui.screens.run_screen.LOOK_EVERY", 1000.0)
    monkeypatch.setattr(RunHistory.update, "__defaults__", (0.0,))
    run = create_run("long", with_changes(PRESETS["quick"], limit=128 * 10, epochs=1000), ENGINE)
    with open_writer(run) as writer:
        writer.event("started", 0)
        for step in range(1, 10_001):
            log_step(writer, step)
            if step % 10 == 0:
                writer.log({"epoch": step // 10, "step": step, "average": loss_at(step), "seconds": 2.0, "best": True})
        writer.event("finished", 10_000)
    async with opened(size=LARGE) as person:
        await person.press("f5")
        await person.sees("long  finished", "step 10000/10000", "loss 0.0001", "reading its history…")
        await person.press("l")  # keys are heard
        for _ in range(200):
            if person.app._train_screen().history.behind:
                person.app._train_screen().refresh_run()
        await person.sees_no_more("reading its history…")
        await person.sees("best 0.0001", " 1000  0.0001")
        assert not person.app.screen.query_one(LossChart).log_scale


@pytest.mark.parametrize("trained", [False, True])
async def test_z_enlarges_a_preview_or_an_example(trained: bool) -> None:
    if trained:
        finished_run("mine", PRESETS["quick"])
    async with opened(size=LARGE) as person:
        await person.press("f5")
        await person.until(lambda: person.app.screen.query_one("#previews" if trained else Example, ImageView).images)
        await person.press("z", "right")
        await person.until(lambda: isinstance(person.app.screen, EnlargedDialog))
        await person.sees("1 · one", "mine, step 8" if trained else "Digits of the weights that ship")
        await person.press("escape")
        await person.until(lambda: isinstance(person.app.screen, TrainScreen))


async def test_previews_that_do_not_fit_are_on_further_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """With few shades a digit needs many cells, so that two fit."""
    monkeypatch.setattr(Terminal, "greys", False)
    finished_run("mine", PRESETS["quick"])
    async with opened() as person:
        await person.press("f5")
        await person.sees("mine", "page 1/")
        await person.press("pagedown", "pagedown")
        await person.sees("page 3/")
        await person.press("pageup")
        await person.sees("page 2/")


async def test_earlier_previews() -> None:
    finished_run("mine", PRESETS["seed"], steps=8)
    async with opened() as person:
        await person.press("f5")
        await person.sees("mine", "previews: step 8")
        latest = previews(person)
        await person.press("left")
        await person.sees("previews: step 4", "2/3")
        assert previews(person) != latest
        await person.press("left", "right", "right")
        await person.sees("previews: step 8")
        assert previews(person) == latest


async def test_log_scale_and_recent_window() -> None:
    """Only the chart is compared: top line and footer fill themselves in their own time."""
    finished_run("mine", PRESETS["seed"], steps=2 * RECENT)

    def chart() -> list[str]:
        region = person.app.screen.query_one(LossChart).region
        return [line[region.x : region.right] for line in person.screen.splitlines()[region.y : region.bottom]]

    async with opened() as person:
        await person.press("f5")
        await person.sees("mine", "previews: step 600")
        await person.until(lambda: any("⠤" in line for line in chart()))
        whole = chart()
        assert any(line.lstrip().startswith("log") for line in chart())
        for key, words in (("l", "log"), ("t", "all")):
            await person.press(key)
            await person.until(lambda: chart() != whole)
            await person.sees(f"{key} {words}")
            await person.press(key)
            await person.until(lambda: chart() == whole)
        await person.sees("t recent")


async def test_keys_show_the_values_under_a_line_on_the_chart() -> None:
    finished_run("mine", PRESETS["seed"], steps=40)
    async with opened(size=LARGE) as person:
        await person.press("f5")
        await person.sees("mine  finished", "previews: step 40")
        await person.press("comma")
        await person.sees("step 40  loss 0.0244  smoothed", "epoch average 0.0244  saved")
        await person.press("less_than_sign", "less_than_sign")
        await person.sees("step 32  loss")
        await person.press("escape")
        await person.sees_no_more("smoothed")


async def test_another_run_is_chosen() -> None:
    finished_run("older", PRESETS["quick"])
    finished_run("newer", PRESETS["seed"])
    async with opened() as person:
        await person.press("f5")
        await person.sees("newer", "seed · batch 128")
        await person.press("v")
        await person.sees("enter shows", "finished")
        await person.press("down", "enter")
        await person.sees("older", "quick · batch 128")


@pytest.mark.slow
@pytest.mark.parametrize("heard", [False, True])
async def test_quitting_does_not_ask_when_nothing_would_be_lost(heard: bool) -> None:
    """Nor while the screen, which reads files, knows of the end, and the application has not heard of it yet."""
    jobs = FakeJobs()
    if not heard:
        jobs.go_on_ending.clear()
    async with opened(jobs) as person:
        await start(person, epochs="1")
        await person.sees("finished", "idle" if heard else "training")
        await person.press("q")
        await person.until(lambda: not person.app.is_running)


@pytest.mark.slow
async def test_there_is_nothing_to_ask_any_more_once_it_has_ended() -> None:
    jobs = FakeJobs(train_holds_at=2)
    async with opened(jobs) as person:
        await start(person, epochs="1")
        await person.sees("step 2/4")
        await person.press("q")
        await person.sees("Quit?")
        jobs.go_on_training.set()
        await person.sees_no_more("Quit?")
        await person.sees("finished", "idle")
        await person.press("q")
        await person.until(lambda: not person.app.is_running)


@pytest.mark.slow
async def test_what_is_prepared_between_steps_is_told_no_longer_than_that() -> None:
    async with opened(FakeJobs(train_holds_at=5)) as person:
        await start(person)
        await person.sees("step 5/40")
        await person.sees_no_more("measuring")


@pytest.mark.slow
async def test_a_drawing_goes_before_the_training() -> None:
    async with opened(FakeJobs(train_holds_at=2)) as person:
        await start(person)
        await person.sees("step 2/40")
        await person.press("f2")
        await person.sees("training")
        await person.enter("seven")
        await person.sees("7 · seven", "0.05 s", "training")
        person.jobs.go_on_training.set()
        await person.press("f5")
        await person.sees("finished", "step 40/40")


@pytest.mark.slow
async def test_leaving_the_screen_loses_nothing() -> None:
    async with opened(FakeJobs(pace=0.01)) as person:
        await start(person, epochs="5")
        await person.press("f3", "f4", "f5")
        await person.sees("finished", "step 20/20")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"epochs": "0"}, "epochs 0 is outside 1 to"),
        ({"epochs": "x"}, "epochs 'x' is not a whole number"),
        ({"name": "a/b"}, "a run can't be named"),
        ({"name": "[bold]"}, "a run can't be named '[bold]'"),
        ({"name": "mine"}, "run mine already exists"),
    ],
)
async def test_the_dialog_says_what_is_wrong(fields: dict[str, str], told: str) -> None:
    finished_run("mine", PRESETS["quick"])
    async with opened() as person:
        await start(person, **fields)
        await person.sees(told)
        assert not person.jobs.trainings
        await person.press("escape")
        await person.sees("mine", "finished")
