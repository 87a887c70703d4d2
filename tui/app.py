"""The application: its screens, keys, themes and palette, put together over one studio."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.theme import Theme

from engine.errors import DigittyError
from engine.jobs.jobs import Jobs
from engine.protocol.events import CannotSave
from engine.storage import paths
from tui.dialogs.choice import ChoiceDialog
from tui.dialogs.dialog import Dialog
from tui.dialogs.disk_full import DiskFullDialog, ask_about_full_disk
from tui.dialogs.quit import ask_to_quit
from tui.render.painter import Painter
from tui.runs.progress import describe_progress
from tui.runs.text import host
from tui.screens.base import CHOOSE_FOLDER, AppScreen
from tui.screens.registry import SCREENS, bindings_by_screen, make_screen, own_bindings, shared_bindings
from tui.settings import ansi_themes, themes
from tui.settings.config_file import Config
from tui.settings.keymap import GLOBAL_BINDINGS, display_name, help_rows, key_in_inputs, load_keymap
from tui.settings.palette import palette_commands
from tui.settings.remembered import Settings
from tui.studio.base_app import StudioApp
from tui.studio.studio import Hooks, Studio
from tui.terminal.capabilities import Terminal
from tui.terminal.command_search import CommandSearch
from tui.terminal.graphics import Graphics
from tui.terminal.literal import Harmless
from tui.terminal.pixel_layer import Placement
from tui.terminal.window import Alert
from tui.widgets.notice_line import NoticeLine, NoticeText
from tui.widgets.pixel_tiles import find_placements
from tui.widgets.top_line import TopLine

if TYPE_CHECKING:
    from tui.screens.train import TrainScreen


class DigittyApp(StudioApp):
    """All screens over one studio."""

    TITLE = "digitty"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = True
    COMMANDS = {CommandSearch}  # noqa: RUF012
    MODES = {name: partial(make_screen, name) for name in SCREENS}  # noqa: RUF012
    DEFAULT_MODE = "prompt"
    BINDINGS: ClassVar[list[BindingType]] = [*GLOBAL_BINDINGS]

    def __init__(
        self,
        jobs: Jobs | None = None,
        terminal: Terminal | None = None,
        config: Config | None = None,
        first: str = DEFAULT_MODE,
        pictures: Sequence[Path] = (),
    ) -> None:
        """The command hands in the first three, and so do tests.

        `first` is the screen to open with. `pictures` are files and folders that Gallery shows instead of the folder of saved pictures.
        """
        terminal, config = terminal or Terminal(), config or Config()
        self.DEFAULT_MODE = first  # type: ignore[misc]  # Textual reads it when it begins
        graphics = terminal.graphics if terminal.graphics or terminal.greys else Graphics.BLOCKS
        super().__init__(terminal.remote, terminal.window, graphics)
        hooks = Hooks(self.refresh_status, self.on_training_changed, self.show_run, self.on_run_moved, self.end_earlier_notices, self.announce_end)
        self.studio = Studio(self, hooks, jobs or Jobs(), terminal, config)
        self.studio.opened_pictures = pictures
        self.keymap, problems = load_keymap(config, bindings_by_screen() if config.keys else {})
        self._problems = [*self.studio.problems, *problems]
        self._quit_dialog: ChoiceDialog | None = None
        self._refused_save: CannotSave | None = None
        """The refused save that was asked about last."""
        if terminal.remote:
            self.animation_level = "none"

    def on_mount(self) -> None:
        self.set_keymap(self.keymap)
        if self.is_web:
            self._filters.append(Harmless())
        if not ansi_themes.install_ansi_themes(self, self.studio.terminal):
            themes.install(self, self.studio.settings.theme)
        for problem in self._problems:
            self.notify(problem, severity="warning", timeout=20)
        self.theme_changed_signal.subscribe(self, self._remember_theme)
        self.studio.start()

    def on_app_blur(self, event: events.AppBlur) -> None:
        """In a browser the input keeps the focus: the page does not always report its return, and typed letters would act as keys."""
        if self.is_web:
            event.prevent_default()

    def placements(self) -> Sequence[Placement]:
        """The finished pictures of the screen on top."""
        return find_placements(self.screen, Painter(self.graphics, self.cell, self.in_tmux, self.studio.terminal.remote))

    # --- looks --------------------------------------------------------------------------------------------------------

    def _remember_theme(self, theme: Theme) -> None:
        if theme.name in themes.NAMES:  # the themes for few colours are not chosen by anybody
            self.studio.change_settings(theme=theme.name)

    def get_key_display(self, binding: Binding) -> str:
        return binding.key_display or display_name(binding.key)

    def get_css_variables(self) -> dict[str, str]:
        self.theme_variables = themes.make_readable(super().get_css_variables(), self.current_theme)
        return self.theme_variables

    # --- what the studio reports --------------------------------------------------------------------------------------

    def refresh_status(self) -> None:
        screen = self.screen_stack[-1] if self.screen_stack else None  # none while the application closes
        if isinstance(screen, AppScreen) and screen.is_mounted and screen.query(TopLine):  # a screen that closes loses its widgets
            screen.show_status()
        self.show_in_window()

    def show_in_window(self) -> None:
        """The run that trains here, in the window's title and task bar."""
        if not self.studio.config.values.get("title", True):
            return
        progress = self.studio.progress
        words = describe_progress(progress)[1] if progress else host()
        self.set_window(f"{words} · digitty", progress.percent if progress else None, bool(progress and progress.paused))

    def announce_end(self, text: str) -> None:
        """Announce that a run or a long drawing has ended, as `notify` in config.toml says."""
        self.alert(text, Alert(self.studio.config.values.get("notify", Alert.AUTO)))

    def on_training_changed(self) -> None:
        """Close the questions that need no answer any more, ask about a refused save, and refresh the Train screen."""
        training = self.studio.training
        if self._quit_dialog is not None and not training.saving():
            self._quit_dialog.close_if_open()
        if training.full is not self._refused_save:
            self._refused_save = training.full
            if training.full:
                ask_about_full_disk(self)
            elif isinstance(self.screen, DiskFullDialog):
                self.screen.close_if_open()
        if screen := self._train_screen():
            screen.refresh_run()

    def show_run(self, name: str) -> None:
        """Show a run on the Train screen, if that has been opened."""
        if screen := self._train_screen():
            screen.show_named(name)

    def on_run_moved(self, old: str, new: str | None) -> None:
        """A run was renamed, or deleted where `new` is None."""
        if screen := self._train_screen():
            screen.on_run_moved(old, new)

    def _train_screen(self) -> TrainScreen | None:
        """None before it was opened for the first time."""
        if not (stack := self._screen_stacks.get("train")):
            return None
        from tui.screens.train import TrainScreen

        return stack[0] if isinstance(stack[0], TrainScreen) else None

    def show_notice(self) -> None:
        notice, key = self.notices.shown, key_in_inputs("messages", self.keymap)
        text = NoticeText(notice.text, notice.severity, self.notices.more, key) if notice else None
        for screen in reversed(self.screen_stack):
            for line in screen.query(NoticeLine):
                line.notice, text = text, None  # the screens beneath show none

    # --- actions ------------------------------------------------------------------------------------------------------

    def action_go(self, mode: str) -> None:
        if isinstance(self.screen, AppScreen):  # not while a dialog is open
            self.switch_mode(mode)
            self.call_later(self._navigated)

    def _navigated(self) -> None:
        if isinstance(self.screen, AppScreen) and self.screen.is_mounted:
            self.screen.on_navigate()
            self.studio.watch.search_if_stale()

    def start_run(self) -> None:
        def ask() -> None:
            if self.screen is (screen := self._train_screen()) and screen:
                screen.action_new()

        self.action_go("train")
        self.call_later(ask)  # after the screen was mounted

    def action_help(self) -> None:
        from tui.dialogs.help import HelpDialog

        screen = self.screen
        if isinstance(screen, AppScreen):
            own, shared = help_rows(own_bindings(type(screen)), self.keymap), help_rows(shared_bindings(), self.keymap)
            self.push_screen(HelpDialog(screen.NAME.title(), screen.about(), own, shared))

    def action_choose_weights(self) -> None:
        from tui.dialogs.weights import WeightsDialog

        def on_answer(weights: str | None) -> None:
            if weights is not None:
                self.studio.change_settings(weights=weights)

        if isinstance(self.screen, AppScreen):
            self.push_screen(WeightsDialog(self.studio.settings.weights, self.studio.training_runs()), on_answer)

    def action_options(self) -> None:
        from tui.dialogs.options import OptionsDialog

        def on_answer(settings: Settings | None) -> None:
            if settings is not None:
                self.studio.change_settings(sample=settings.sample, lock_seed=settings.lock_seed, own_redrawing=settings.own_redrawing)

        if isinstance(self.screen, AppScreen):
            self.push_screen(OptionsDialog(self.studio.settings), on_answer)

    def action_messages(self) -> None:
        from tui.dialogs.messages import MessagesDialog

        if isinstance(self.screen, AppScreen | Dialog) and not isinstance(self.screen, MessagesDialog):
            self.push_screen(MessagesDialog(self.notices.log, ascii=not self.studio.terminal.unicode))
            self.dismiss_notices()

    def action_copy_or_leave(self) -> None:
        if not self.copy_selection():
            self.action_leave()

    def action_leave(self) -> None:
        """Quit; ask first what to do with a run that trains here. A second time means: save it and quit."""
        if self.screen is self._quit_dialog or not self.studio.training.would_lose_work():
            self.exit(0)
            return
        self._quit_dialog = ask_to_quit(self)

    async def action_quit(self) -> None:
        """The command of the palette."""
        self.action_leave()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """All that the keys of this screen do, and two commands without a key."""
        if not isinstance(screen, AppScreen):
            return
        for node, bindings in ((screen, own_bindings(type(screen))), (self, shared_bindings())):
            for command in palette_commands(bindings, self.keymap, screen.footer_label):
                yield SystemCommand(command.title, f"key: {command.keys}", partial(self.run_action, command.action, node))
        yield SystemCommand("Keys: what the keys of this screen do", "help lists them", self.action_help)
        yield SystemCommand("Screenshot: save a picture of this screen as SVG", "in the folder of pictures", self._take_screenshot_soon)

    def _take_screenshot_soon(self) -> None:
        self.set_timer(0.1, self.action_screenshot)  # once the palette is gone

    def action_screenshot(self, filename: str | None = None, path: str | None = None) -> None:
        """Save a picture of the screen; a browser offers it as a download."""
        if self.is_web:
            self.deliver_screenshot(filename, path)
            return
        try:
            folder = path or str(paths.ensure_folder(self.studio.pictures_folder(), CHOOSE_FOLDER))
            saved = self.save_screenshot(filename, folder)
        except (DigittyError, OSError) as error:
            self.notify(f"No screenshot was saved: {error}", severity="error")
        else:
            self.notify(f"Saved {saved}")
