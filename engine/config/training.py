"""How a run is trained: the settings with their bounds, and the presets as a table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from engine.config.condition import Route
from engine.config.data import MOST_IMAGES, DataSpec
from engine.config.encoders import READER, TOWER, check_encoder, check_told
from engine.config.fields import MAX_BATCH, MAX_COUNT, MAX_SEED, check_fields, check_within, setting
from engine.config.model import ModelConfig, ScheduleConfig
from engine.config.preset_hints import PRESET_HINTS
from engine.config.preset_hints import Preset as Preset  # other modules import it from here
from engine.errors import SettingError

LrSchedule = Literal["cosine", "constant"]
Timesteps = Literal["uniform", "stratified", "lognormal", "noisy"]
Weighting = Literal["flat", "min-snr"]
Optimizer = Literal["adam", "muon"]


@dataclass(frozen=True)
class TrainConfig:
    """One run. The defaults are the preset `seed`."""

    preset: Preset = setting(
        "seed",
        ", ".join(f"{name} ({hint})" for name, hint in PRESET_HINTS.items()) + ".",
        choices=Preset,
        option="--preset",
    )

    model: ModelConfig = field(default_factory=ModelConfig)

    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)

    start_from: str | None = setting(
        None,
        "Start a new run from these weights: shipped, RUN, RUN:best, RUN:epoch-N or a file.",
        kind=str,
        option="--start-from",
    )
    """Network and noise schedule are then those of the weights. None: untrained weights, or the teacher's."""

    teacher: str | None = setting(
        None, "Weights that the student of the preset one-step learns from. Default: shipped.", kind=str, option="--teacher"
    )

    pairs: int = setting(
        20_000,
        "Images that the teacher of a student draws for it before its first step. Default: 20,000.",
        low=10,
        high=MAX_COUNT,
        option="--pairs",
    )

    writers: str | None = setting(
        None,
        "Who wrote each training image, for --hands and the preset hand: qmnist (QMNIST's labels), or a text, .csv or .npy file with one number for "
        "each. Default: qmnist.",
        kind=str,
        option="--writers",
    )

    epochs: int = setting(10, "Passes over the training images.", hint="passes over the training images", low=1, high=100_000, option="--epochs")

    steps: int | None = setting(
        None,
        "Optimiser steps to train for. With --epochs as well, the run ends at whichever comes first.",
        hint="stop after this many; empty: no limit",
        low=1,
        high=100_000_000,
        kind=int,
        option="--steps",
    )

    batch_size: int = setting(128, "Images per step.", low=1, high=MAX_BATCH, option="--batch-size")

    lr: float = setting(1e-3, "Learning rate after the warm-up.", low=0, high=10, option="--lr")

    lr_schedule: LrSchedule = setting(
        "cosine",
        "cosine: a warm-up, then a cosine down to 0; constant: no warm-up, as in the guide.",
        choices=LrSchedule,
        option="--lr-schedule",
    )

    warmup: int = setting(200, "Steps of linear warm-up before the cosine.", low=0, high=1_000_000)

    optimizer: Optimizer = setting("adam", "muon: Muon for the convolutions, Adam for the rest.", choices=Optimizer)

    timesteps: Timesteps = setting(
        "uniform",
        "How the timesteps of a batch are drawn. uniform: independently; stratified: evenly spread; "
        "lognormal: evenly spread, with medium noise more often; noisy: the same with much noise, where attributes are decided.",
        choices=Timesteps,
        option="--timesteps",
    )
    """stratified: each of a batch of n lies in its own n-th of the range; lognormal: the same, with log(sigma / alpha) normal."""

    weighting: Weighting = setting("flat", "flat: every timestep counts the same; min-snr: Hang et al. 2023.", choices=Weighting)

    label_dropout: float = setting(0.1, "Share of labels that are withheld, since guidance also needs predictions without a label.", low=0, high=1)

    ema: float = setting(0.999, "Final decay of the average weights; it warms up as (1 + step) / (10 + step).", low=0, high=1)

    clip: float = setting(1.0, "Largest norm of the gradient.", low=0)

    seed: int = setting(
        0,
        "Random seed: the initial weights, the order of the images and the noise follow from it.",
        low=0,
        high=MAX_SEED,
        option="--seed",
    )

    limit: int | None = setting(None, "Train on the first LIMIT images only.", low=1, high=MOST_IMAGES, kind=int, option="--limit")

    flip: bool = setting(
        False,
        "Mirror half of the images, chosen at random, left to right: for images that look as natural mirrored.",
        hint="mirror images at random, left for right",
        option="--flip",
    )

    augment: float = setting(
        0.0,
        "For small sets: the probability with which each image is scaled, turned and shifted a little, each at random. The network is told how, so "
        "that what it draws is as upright and centred as the images are. With --preset one-step only the discriminator sees changed images, changed "
        "also in colour and with a hole.",
        hint="scale, turn and shift with this probability",
        low=0,
        high=1,
        option="--augment",
    )

    balance: bool = setting(
        False, "Draw all classes equally often, however many images each has.", hint="draw all classes equally often", option="--balance"
    )

    preview_every: int = setting(
        100, "Steps between previews of all classes from fixed noise, after some early ones; 0 for none.", low=0, high=1_000_000
    )

    save_minutes: float = setting(5.0, "Minutes between saves of the training state, which is also saved at the end of each epoch.", low=0)

    keep_every: int | None = setting(
        None,
        "Keep a snapshot of the average weights every N epochs, to draw with as RUN:epoch-N.",
        hint="keep the weights every N epochs",
        low=1,
        high=100_000,
        kind=int,
        option="--keep-every",
    )

    attributes: bool = setting(
        False,
        "Tell the network how thick, slanted, wide and long the strokes of its images are, and which variants their digits show, so that drawings "
        "can ask for it. The images are measured first, once.",
        hint="tell it thickness, slant, width and length",
        option="--attributes",
    )

    hands: bool = setting(
        False,
        "With --attributes: also tell the network in whose handwriting its digits are, as other digits by the same writer show it. See --writers.",
        hint="tell it whose handwriting",
        option="--hands",
    )

    text: bool = setting(False, "With --attributes: also tell the network captions of its digits.", hint="tell it captions", option="--text")

    route: Route = setting(
        "both",
        "How the network is told: pooled, by a vector added to the class embedding; tokens, by cross-attention; or both.",
        choices=Route,
    )

    compile: bool = setting(False, "Compile the network with torch.compile; worth it on CUDA.", option="--compile")

    def __post_init__(self) -> None:
        if (self.preset == "one-step") != (self.teacher is not None):
            raise SettingError("use --teacher and --preset one-step together; the teacher is shipped, a run or a file")
        given = [name for name in ("flip", "augment", "balance", "attributes", "hands", "text", "teacher") if getattr(self, name)]
        check_encoder(self.preset, self.model.network, self.writers, given)
        check_told(given, self.model.conditions)
        if self.limit is not None:
            check_within("limit", self.limit, 1, self.data.train_images)
        check_fields(self)
        if self.balance and not self.data.classes:
            raise SettingError(f"balance needs classes, and {self.data.name} has none")
        augmented = self.augment > 0 and self.teacher is None  # of a student, only what its discriminator sees is augmented
        if self.model.augmented != augmented:  # also where the network is taken over from other weights
            object.__setattr__(self, "model", replace(self.model, augmented=augmented))
        if self.lr == 0:
            raise SettingError("lr 0 trains nothing; the guide uses 0.001")

    @property
    def first_weights(self) -> str | None:
        """The weights that training starts from; None: untrained ones."""
        return self.start_from or self.teacher

    @property
    def data(self) -> DataSpec:
        """The images that it trains on, and that its network draws."""
        return self.model.data

    @property
    def lacks_held_out(self) -> bool:
        """Whether it is known that no images are held out, so that nothing can validate the run. Students and encoders need none."""
        return self.data.test_images == 0 and self.teacher is None and self.model.draws

    def with_data(self, data: DataSpec) -> TrainConfig:
        """The same run on other images. Raises SettingError if the network can't draw them."""
        return replace(self, model=replace(self.model, data=data))

    @property
    def images(self) -> int:
        """Training images per epoch."""
        return self.limit or self.data.train_images

    @property
    def steps_per_epoch(self) -> int:
        """469 for 60,000 images in batches of 128; the last batch of an epoch has 96."""
        return math.ceil(self.images / self.batch_size)

    @property
    def total_steps(self) -> int:
        """The step at which the run ends: after all epochs, or at `steps` if that comes first."""
        planned = self.epochs * self.steps_per_epoch
        return planned if self.steps is None else min(planned, self.steps)


BEST = TrainConfig(
    preset="best",
    model=ModelConfig(channels=(96, 192), groups=6, attention=True, prediction="v"),
    schedule=ScheduleConfig("cosine"),
    epochs=10,
    lr=5e-3,
    warmup=100,
    optimizer="muon",
    ema=0.999,
)

HAND = TrainConfig(  # 32 writers in a batch
    preset="hand",
    writers="qmnist",
    model=ModelConfig(network="writer", channels=(32, 64, 128), groups=8, emb_dim=64),
    epochs=10,
    batch_size=256,
    lr=1e-2,
    warmup=30,
    optimizer="muon",
    label_dropout=0.0,
    ema=0.98,
    save_minutes=1.0,
)

PRESETS: Mapping[Preset, TrainConfig] = {
    "seed": TrainConfig(),
    "quick": TrainConfig(  # benchmarks/ablations.py measures each choice
        preset="quick",
        model=ModelConfig(channels=(64, 128), groups=4, attention=True, prediction="v"),
        schedule=ScheduleConfig("cosine"),
        epochs=2,
        lr=5e-3,
        warmup=100,
        optimizer="muon",
        ema=0.995,
        preview_every=50,
        save_minutes=1.0,
    ),
    "best": BEST,
    "attributes": replace(
        BEST, preset="attributes", start_from="shipped:labels", attributes=True, epochs=20, lr=3e-3, timesteps="noisy", label_dropout=0.12
    ),
    "one-step": TrainConfig(  # network and noise schedule are the teacher's
        preset="one-step",
        teacher="shipped",
        epochs=5,
        batch_size=64,
        lr=2e-3,
        warmup=50,
        optimizer="muon",
        label_dropout=0.0,
        ema=0.995,
    ),
    "hand": HAND,
    "text": replace(  # its epochs are as many captions as MNIST has images
        HAND, preset="text", writers=None, model=READER, epochs=12, batch_size=128, lr=2e-3, warmup=200, optimizer="adam", ema=0.995
    ),
    "rank": replace(
        HAND, preset="rank", writers=None, model=TOWER, epochs=4, batch_size=192, lr=4e-3
    ),  # all captions of a batch beside all its images
}
