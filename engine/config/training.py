"""What can be set: frozen dataclasses, their ranges, and the presets as a table. No torch, no screen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from engine.config.data import DataSpec
from engine.config.fields import MAX_BATCH, MAX_COUNT, MAX_SEED, check_finite, check_one_of, check_within
from engine.config.model import ModelConfig, ScheduleConfig
from engine.errors import SettingError

LrSchedule = Literal["cosine", "constant"]
Timesteps = Literal["uniform", "stratified", "lognormal"]
Weighting = Literal["flat", "min-snr"]
Optimizer = Literal["adam", "muon"]
Preset = Literal["seed", "quick", "best", "one-step"]


@dataclass(frozen=True)
class TrainConfig:
    """One run. The defaults are the preset `seed`."""

    preset: Preset = "seed"
    model: ModelConfig = field(default_factory=ModelConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    start_from: str | None = None
    """Weights that it starts from, as drawing names them; network and noise schedule are then theirs. None: new ones, or the teacher's."""
    teacher: str | None = None
    """The preset one-step alone: the weights that a student learns from."""
    pairs: int = 20_000
    """Images that the teacher draws for it."""
    epochs: int = 10
    steps: int | None = None
    """An upper bound on steps, where the run is not to end with an epoch."""
    batch_size: int = 128
    lr: float = 1e-3
    lr_schedule: LrSchedule = "cosine"
    """cosine: warm-up, then a cosine down to 0; constant: the seed to the letter, no warm-up."""
    warmup: int = 200
    """Steps of linear warm-up before the cosine."""
    optimizer: Optimizer = "adam"
    """muon: Muon for the convolutions, Adam for the rest."""
    timesteps: Timesteps = "uniform"
    """How t is drawn: uniform; stratified, uniform with one t of a batch of n in each n-th; lognormal, that with log(sigma / alpha) normal."""
    weighting: Weighting = "flat"
    """flat: every t counts the same; min-snr: Hang et al. 2023."""
    label_dropout: float = 0.1
    """How often a label is withheld, so that guidance has an unconditional half."""
    ema: float = 0.999
    """The average's final decay; it warms up as (1 + step) / (10 + step)."""
    clip: float = 1.0
    """Largest norm of the gradient."""
    seed: int = 0
    limit: int | None = None
    """Train on the first `limit` images only (trials and tests)."""
    preview_every: int = 100
    """Steps between previews, an image of each class from fixed noise; 0 for none."""
    save_minutes: float = 5.0
    """Minutes between saves of the training state, beside one at each epoch's end."""
    compile: bool = False
    """torch.compile the network (worth it on CUDA)."""

    def __post_init__(self) -> None:
        check_one_of("preset", self.preset, Preset)
        check_one_of("lr-schedule", self.lr_schedule, LrSchedule)
        check_one_of("optimizer", self.optimizer, Optimizer)
        check_one_of("timesteps", self.timesteps, Timesteps)
        check_one_of("weighting", self.weighting, Weighting)
        for name in ("start_from", "teacher"):
            weights = getattr(self, name)
            if weights is not None and (not isinstance(weights, str) or not weights):
                raise SettingError(f"{name.replace('_', '-')} {weights!r} names no weights; shipped, a run or a file does")
        if (self.preset == "one-step") != (self.teacher is not None):
            raise SettingError("--teacher goes with --preset one-step, and that with a teacher: shipped, a run or a file")
        check_within("pairs", self.pairs, 10, MAX_COUNT)
        check_within("epochs", self.epochs, 1, 100_000)
        if self.steps is not None:
            check_within("steps", self.steps, 1, 100_000_000)
        check_within("batch-size", self.batch_size, 1, MAX_BATCH)
        check_within("warmup", self.warmup, 0, 1_000_000)
        check_within("seed", self.seed, 0, MAX_SEED)
        check_within("preview_every", self.preview_every, 0, 1_000_000)
        check_finite("lr", self.lr, 0, 10)
        if self.lr == 0:
            raise SettingError("lr 0 trains nothing; the seed's is 0.001")
        check_finite("label_dropout", self.label_dropout, 0, 1)
        check_finite("ema", self.ema, 0, 1)
        check_finite("clip", self.clip, 0)
        check_finite("save_minutes", self.save_minutes, 0)
        if not isinstance(self.compile, bool):
            raise SettingError(f"compile {self.compile!r} is neither true nor false")
        if self.limit is not None:
            check_within("limit", self.limit, 1, self.data.train_images)

    @property
    def first_weights(self) -> str | None:
        """Which weights it starts from; None: new ones."""
        return self.start_from or self.teacher

    @property
    def data(self) -> DataSpec:
        """What it trains on: the images that its network draws."""
        return self.model.data

    def with_data(self, data: DataSpec) -> TrainConfig:
        """The same run on other images. Raises SettingError where the network can't draw them."""
        return replace(self, model=replace(self.model, data=data))

    @property
    def images(self) -> int:
        """Training images an epoch."""
        return self.limit or self.data.train_images

    @property
    def steps_per_epoch(self) -> int:
        """469 for 60,000 images in batches of 128; the last batch of an epoch has 96."""
        return math.ceil(self.images / self.batch_size)

    @property
    def total_steps(self) -> int:
        """Where the run ends: the epochs' steps, or `steps` if that comes first."""
        planned = self.epochs * self.steps_per_epoch
        return planned if self.steps is None else min(planned, self.steps)


_FAST = TrainConfig(
    model=ModelConfig(channels=(64, 128), groups=4, attention=True, prediction="v"),
    schedule=ScheduleConfig("cosine"),
    optimizer="muon",
    lr=5e-3,
    warmup=100,
)
"""What quick and best share; benchmarks/ablations.py measures each choice."""

PRESETS: Mapping[Preset, TrainConfig] = {  # one-step has its teacher's network and schedule
    "seed": TrainConfig(),
    "quick": replace(_FAST, preset="quick", epochs=2, ema=0.995, preview_every=50, save_minutes=1.0),
    "best": replace(_FAST, preset="best", model=replace(_FAST.model, channels=(96, 192), groups=6)),
    "one-step": TrainConfig(
        "one-step", teacher="shipped", epochs=5, batch_size=64, optimizer="muon", lr=2e-3, warmup=50, label_dropout=0.0, ema=0.995
    ),
}


# --- to and from JSON -------------------------------------------------------------------------------------------------
