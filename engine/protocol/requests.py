"""The requests that the engine takes: frozen requests that check themselves. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from engine.config.compute import ComputeInfo
from engine.config.condition import Condition, Interval
from engine.config.condition_check import check_conditions
from engine.config.condition_text import describe_interval
from engine.config.data import MOST_CLASSES
from engine.config.data_choice import DataChoice
from engine.config.fields import MAX_COUNT, MAX_SEED, Setting, check_value, setting, settings_of
from engine.config.sampling import SampleConfig
from engine.config.sweep import MOST_CELLS, MOST_IMAGES, Cell
from engine.config.training import TrainConfig
from engine.errors import SettingError

TRAIN_LIMIT = settings_of(TrainConfig)["limit"]
WhenFull = Literal["stop", "go-on", "ask"]


@dataclass(frozen=True)
class DrawRequest:
    """Which pictures to draw, how, and with which weights."""

    labels: tuple[int | None, ...]
    """Class numbers of the weights' data set; None draws without a label."""

    sample: SampleConfig = field(default_factory=SampleConfig)

    indices: tuple[int, ...] | None = None
    """Image i takes its noise from (seed, indices[i]); by default from (seed, i). Equal indices share their noise."""

    weights: str = setting(
        "shipped",
        "Weights to draw with: shipped, shipped:labels, shipped:one-step, shipped:seed, shipped:fashion, RUN, RUN:best, RUN:epoch-N, or a file.",
        option="--weights",
    )
    """Also RUN:live, in the process that trains RUN."""

    fps: float = 10.0
    """Frames per second at most; 0 for the finished pictures alone."""

    guesses: bool = False
    """Whether the events also hold the network's guesses at x0."""

    like: ComputeInfo | None = None
    """Draw in this precision and memory layout if the device is of this kind and has them; by default in the fastest."""

    conditions: tuple[Condition, ...] | None = None
    """What each picture shall show besides its class. Each has the label of its picture. None where nothing more is asked for."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.labels) <= MAX_COUNT:
            raise SettingError(f"{len(self.labels)} images is outside 1 to {MAX_COUNT:,}")
        if any(label is not None and (type(label) is not int or not 0 <= label < MOST_CLASSES) for label in self.labels):
            raise SettingError("labels must be class numbers, from 0, or None for no label")
        if self.indices is not None and any(type(i) is not int or not 0 <= i <= MAX_SEED for i in self.indices):
            raise SettingError(f"noise indices must be whole numbers from 0 to {MAX_SEED}")
        if self.indices is not None and len(self.indices) != len(self.labels):
            raise SettingError(f"{len(self.indices)} noise indices do not match {len(self.labels)} images")
        object.__setattr__(self, "conditions", check_conditions(self.conditions, self.labels))


@dataclass(frozen=True)
class SweepRequest:
    """The same labels from the same noise, drawn once in each cell."""

    labels: tuple[int | None, ...]
    """As in DrawRequest, with `indices`."""

    cells: tuple[Cell, ...]

    indices: tuple[int, ...] | None = None

    side_by_side: bool = False
    """All cells at once, with equal shares of the time, rather than one after another."""

    keep_going: bool = False
    """A cell that can't be drawn is reported, and the others are drawn; else it ends the sweep."""

    keep_frames: bool = False
    """Whether the finished drawings hold the frames of their denoising, or only the last."""

    fps: float = 10.0
    """Frames per second at most, over all cells; 0 for none."""

    conditions: tuple[Condition, ...] | None = None
    """As in DrawRequest, for every cell. The attributes of a cell are asked for besides theirs."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.labels) <= MOST_IMAGES:
            raise SettingError(f"{len(self.labels)} images is outside 1 to {MOST_IMAGES}, the range for each drawing of a sweep")
        if not 1 <= len(self.cells) <= MOST_CELLS:
            raise SettingError(f"{len(self.cells)} drawings is outside 1 to {MOST_CELLS}, the range of a sweep")
        self.drawings()

    def drawings(self) -> tuple[DrawRequest, ...]:
        """The request of each cell. Raises SettingError as DrawRequest does, and where a cell contradicts a condition."""
        fps = self.fps / len(self.cells) if self.side_by_side else self.fps
        return tuple(DrawRequest(self.labels, cell.sample, self.indices, cell.weights, fps, conditions=self._conditions(cell)) for cell in self.cells)

    def _conditions(self, cell: Cell) -> tuple[Condition, ...]:
        """A caption is left out where the cell has attributes of its own, since it may ask for other values than those."""
        own = {name: Interval(value, value) for name, value in cell.attributes}
        conditions = self.conditions or tuple(Condition(label) for label in self.labels)
        for name, interval in own.items():
            for asked in (each.interval(name) for each in conditions):
                if asked.meet(interval) is None:
                    raise SettingError(
                        f"{name} {describe_interval(name, interval)} contradicts the prompt, which asks for {describe_interval(name, asked)}; "
                        f"leave the {name} out of the prompt, or change the value"
                    )
        return tuple(
            replace(each, attributes=tuple({**dict(each.attributes), **own}.items()), text=None if own else each.text) for each in conditions
        )


@dataclass(frozen=True)
class TrainRequest:
    """A run to start, or one to resume."""

    config: TrainConfig = field(default_factory=TrainConfig)

    run: str | None = setting(
        None,
        "Name of the new run. Under torchrun, which has an option --run itself, use --name.",
        hint="letters, digits, . _ -",
        option="--run",
    )
    """By default the next free name of its preset."""

    resume: str | None = setting(None, "Resume this run.", hint="a new run, or one to resume", option="--resume")
    """`config` is then that of the run, except for epochs and steps."""

    minutes: float | None = setting(
        None,
        "Train for about this long: time a few steps, then plan the run and its learning rate for as many steps as fit.",
        hint="or about this long; empty: all epochs",
        low=0.05,
        high=100_000,
        kind=float,
        option="--minutes",
    )
    """Epochs and steps of `config` are then replaced before the run is created."""

    when_full: WhenFull = setting(
        "stop",
        "If the disk is full: stop, or go on without saving and try again later.",
        choices=Literal["stop", "go-on"],
        option="--when-full",
    )
    """ask: wait until the Control says run (try again), unsaved or stop."""

    data: DataChoice | None = None
    """What a new run trains on; `config` is then fitted to it (`fit_to`). With `resume`: where the images of the run are now; only `source` and
    `data_root` count. None: as `config` says."""

    fit_epochs: bool = False
    """Whether a new run takes about as many steps on its data as `config` says for MNIST, by other epochs."""

    limit: int | None = None
    """The `limit` of a new run whose data are only known once it starts."""

    def __post_init__(self) -> None:
        if self.limit is not None:
            check_value("limit", self.limit, TRAIN_LIMIT)
        if self.minutes is None:
            return
        check_value("minutes", self.minutes, settings_of(self)["minutes"])
        if self.resume is not None:
            raise SettingError("minutes plan a new run; to train an existing one for longer, set its epochs or steps")
        if self.config.teacher:
            raise SettingError("minutes can't be planned for a student, whose teacher first draws for a while; set epochs or steps instead")


DETACH = Setting(
    False,
    "Train in a background process, which survives this terminal.",
    hint="keep training after you quit",
    kind=bool,
    option="--detach",
)


@dataclass(frozen=True)
class EvaluateRequest:
    """How many images to draw and judge, and how they are drawn."""

    count: int = setting(1000, "Pictures to draw and judge.", low=1, high=MAX_COUNT, option="--count")

    sample: SampleConfig = field(default_factory=SampleConfig)

    weights: str = DrawRequest.weights

    train_reader: bool = setting(
        False,
        "First train a network that reads your own images, unless there is one. It is kept: later drawings that it can't read are redrawn.",
        option="--train-reader",
    )

    captions: bool = setting(
        False,
        "Draw each picture by a caption of a real test image, and say how well they fit. For weights that were trained with attributes.",
        option="--captions",
    )

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MAX_COUNT:
            raise SettingError(f"count {self.count} is outside 1 to {MAX_COUNT:,}")
