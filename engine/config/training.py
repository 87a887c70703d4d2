"""What can be set: frozen dataclasses, their ranges, and the presets as a table. No torch, no screen."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, TypeVar, get_args

from engine.errors import SettingError
from engine.formatting import printable

Sampler = Literal["ddpm", "ddim", "dpmpp", "one-step"]
Spacing = Literal["arctan", "quadratic", "logsnr", "linear", "leading"]
Variance = Literal["beta", "posterior"]
LrSchedule = Literal["cosine", "constant"]
ScheduleKind = Literal["linear", "cosine"]
Prediction = Literal["eps", "v", "edm"]
Timesteps = Literal["uniform", "stratified", "lognormal"]
Weighting = Literal["flat", "min-snr"]
Optimizer = Literal["adam", "muon"]
Device = str
"""One of DEVICES, or cuda:N: see `check_device`."""
Precision = Literal["auto", "fp32", "tf32", "bf16"]
Preset = Literal["seed", "quick", "best", "one-step"]

DEVICES = ("auto", "cpu", "cuda", "mps")
ONE_STEP_MOST = 4
"""Evaluations that a one-step student was trained for."""
MAX_COUNT = 100_000
MAX_SEED = 2**63 - 1
CLASS_NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TRAIN_IMAGES = 60_000


def check_device(name: object) -> None:
    """Raises SettingError for what names no device. Whether the machine has it is known only once torch is loaded."""
    if not isinstance(name, str) or not re.fullmatch("auto|cpu|cuda|cuda:[0-9]{1,3}|mps", name):
        raise SettingError(f"device {printable(repr(name), 80)} is none of {', '.join(DEVICES)} or a numbered one such as cuda:1")


def _within(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise SettingError(f"{name} {value!r} is not a whole number from {low} to {high}")
    if not low <= value <= high:
        raise SettingError(f"{name} {value} is outside {low} to {high}")


def _finite(name: str, value: object, low: float = -math.inf, high: float = math.inf) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:  # isfinite(10**400) raises
        raise SettingError(f"{name} {repr(value)[:80]} is not a finite number")
    if not low <= value <= high:
        raise SettingError(f"{name} {value:g} is outside {low:g} to {high:g}")


def _one_of(name: str, value: object, choices: Any) -> None:
    if value not in get_args(choices):
        raise SettingError(f"{name} {value!r} is not one of {', '.join(get_args(choices))}")


@dataclass(frozen=True)
class ModelConfig:
    """The U-Net. The defaults are the seed's network: 6,141,313 trainable parameters."""

    channels: tuple[int, ...] = (64, 128, 256)
    """At 28, 14 and 7 pixels; two of them work on patches of 2x2 pixels, at 14 and 7."""
    time_dim: int = 128
    """Width of the sinusoidal embedding."""
    emb_dim: int = 256
    """Width of the embedding of time and class."""
    groups: int = 8
    """Groups of each GroupNorm."""
    attention: bool = False
    """Self-attention at 7 pixels, after the middle block."""
    attention_at_14: bool = False
    """Self-attention at 14 pixels, after the encoder's block."""
    prediction: Prediction = "eps"
    """What the network answers; `denoiser.coefficients` makes x0 of it."""
    one_step: bool = False
    """A distilled student, which draws with the sampler one-step alone."""
    image_size: int = 28
    classes: int = 10

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", tuple(self.channels))  # JSON gives a list
        _within("groups", self.groups, 1, 4096)
        for width in self.channels:
            _within("channels", width, 1, 4096)
        if len(self.channels) not in (2, 3) or any(width % self.groups for width in self.channels):
            raise SettingError(f"channels {self.channels} are not two or three multiples of {self.groups}")
        _one_of("prediction", self.prediction, Prediction)
        for name in ("attention", "attention_at_14", "one_step"):
            if not isinstance(getattr(self, name), bool):
                raise SettingError(f"{name} {getattr(self, name)!r} is neither true nor false")
        _within("emb_dim", self.emb_dim, 1, 8192)
        _within("time_dim", self.time_dim, 4, 8192)
        if self.time_dim % 2:
            raise SettingError(f"time_dim {self.time_dim} is odd; the sinusoidal embedding needs pairs")
        if self.image_size != 28 or self.classes != 10:
            raise SettingError("this version draws 28x28 images of 10 classes")

    @property
    def sides(self) -> tuple[int, ...]:
        """Pixels a side at each width, falling to 7."""
        return tuple(7 << i for i in reversed(range(len(self.channels))))

    @property
    def patch(self) -> int:
        """Pixels a side that the first layer takes for one."""
        return self.image_size // self.sides[0]


@dataclass(frozen=True)
class ScheduleConfig:
    """The forward process q(x_t | x_0), Ho et al. 2020."""

    kind: ScheduleKind = "linear"
    """linear: the seed's; cosine: Nichol & Dhariwal 2021."""
    T: int = 1000
    beta_start: float = 1e-4
    beta_end: float = 0.02
    shift: float = 1.0
    """Multiplies sigma / alpha at every t: log SNR is moved by -2 log(shift) (Hoogeboom et al. 2023, section 3.1)."""

    def __post_init__(self) -> None:
        _one_of("schedule", self.kind, ScheduleKind)
        _within("T", self.T, 1, 1000)
        _finite("beta_start", self.beta_start)
        _finite("beta_end", self.beta_end)
        _finite("shift", self.shift, 1e-3, 1e3)
        if not 0 < self.beta_start <= self.beta_end < 1:
            raise SettingError(f"betas {self.beta_start} … {self.beta_end} are not 0 < start ≤ end < 1")


@dataclass(frozen=True)
class SampleConfig:
    """How to draw. Guidance 1 is none; this is the one place that says so."""

    sampler: Sampler = "dpmpp"
    """ddpm: Ho et al. 2020; ddim: Song et al. 2021; dpmpp: DPM-Solver++(2M), Lu et al. 2022; one-step: a distilled student's."""
    steps: int = 14
    """Network evaluations (guidance doubles their cost), 1 to 1000; a one-step student takes ONE_STEP_MOST at most, and more count as so many."""
    spacing: Spacing = "arctan"
    """Which of the T timesteps are walked: see `NoiseSchedule.timesteps`."""
    guidance: float = 1.4
    """1 is no guidance, 0 ignores the label (Ho & Salimans 2022). A one-step student has it folded in, and none is added."""
    guided_from: float = 0.5
    """Guide above 1 where sigma / alpha, the noise by the signal, is at least this …"""
    guided_to: float = 4.0
    """… and below this; elsewhere guidance is 1 and a step costs one evaluation (Kynkäänniemi et al. 2024)."""
    eta: float = 0.0
    """Noise on the way, of ddim and dpmpp: 0 deterministic, 1 as DDPM with the posterior variance."""
    variance: Variance = "beta"
    """DDPM's sigma²: beta_t as in the seed, or the posterior's."""
    redraw_below: float = 0.9
    """A digit whose label a reader gives a smaller probability is drawn again, from other noise; 0 keeps whatever comes."""
    seed: int = 1
    """Image i takes its noise from (seed, i). Not 0 by default: the first seven that most people see would be one that is hard to read."""

    def __post_init__(self) -> None:
        _one_of("sampler", self.sampler, Sampler)
        _one_of("spacing", self.spacing, Spacing)
        _one_of("variance", self.variance, Variance)
        _within("steps", self.steps, 1, 1000)
        if self.sampler == "one-step" and self.steps > ONE_STEP_MOST:
            object.__setattr__(self, "steps", ONE_STEP_MOST)
        _within("seed", self.seed, 0, MAX_SEED)
        _finite("guidance", self.guidance, -100, 100)
        _finite("guided-from", self.guided_from, 0)
        _finite("guided-to", self.guided_to, 0)
        _finite("eta", self.eta, 0, 1)
        _finite("redraw-below", self.redraw_below, 0, 1)


def usual(sampler: Sampler) -> SampleConfig:
    """What it draws with where nothing else is asked for. A student is misread less often, and redrawing costs variety."""
    return SampleConfig(sampler, 1, redraw_below=0.5) if sampler == "one-step" else SampleConfig(sampler)


def with_sampler(sample: SampleConfig, sampler: Sampler) -> SampleConfig:
    """`sample` by another sampler, which has its usual steps and redrawing as far as the two are apart in them and redrawing was not chosen."""
    was, now = usual(sample.sampler), usual(sampler)
    steps = sample.steps if was.steps == now.steps else now.steps
    redraw_below = now.redraw_below if sample.redraw_below == was.redraw_below else sample.redraw_below
    return replace(sample, sampler=sampler, steps=steps, redraw_below=redraw_below)


def suited(sample: SampleConfig, one_step: bool) -> SampleConfig:
    """`sample`, by another sampler where it is not one that such weights can draw with."""
    if one_step == (sample.sampler == "one-step"):
        return sample
    return with_sampler(sample, "one-step" if one_step else SampleConfig.sampler)


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
    """Digits that the teacher draws for it."""
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
    """Steps between previews of the ten digits from fixed noise; 0 for none."""
    save_minutes: float = 5.0
    """Minutes between saves of the training state, beside one at each epoch's end."""
    compile: bool = False
    """torch.compile the network (worth it on CUDA)."""

    def __post_init__(self) -> None:
        _one_of("preset", self.preset, Preset)
        _one_of("lr-schedule", self.lr_schedule, LrSchedule)
        _one_of("optimizer", self.optimizer, Optimizer)
        _one_of("timesteps", self.timesteps, Timesteps)
        _one_of("weighting", self.weighting, Weighting)
        for name in ("start_from", "teacher"):
            weights = getattr(self, name)
            if weights is not None and (not isinstance(weights, str) or not weights):
                raise SettingError(f"{name.replace('_', '-')} {weights!r} names no weights; shipped, a run or a file does")
        if (self.preset == "one-step") != (self.teacher is not None):
            raise SettingError("--teacher goes with --preset one-step, and that with a teacher: shipped, a run or a file")
        _within("pairs", self.pairs, 10, MAX_COUNT)
        _within("epochs", self.epochs, 1, 100_000)
        if self.steps is not None:
            _within("steps", self.steps, 1, 100_000_000)
        _within("batch-size", self.batch_size, 1, TRAIN_IMAGES)
        _within("warmup", self.warmup, 0, 1_000_000)
        _within("seed", self.seed, 0, MAX_SEED)
        _within("preview_every", self.preview_every, 0, 1_000_000)
        _finite("lr", self.lr, 0, 10)
        if self.lr == 0:
            raise SettingError("lr 0 trains nothing; the seed's is 0.001")
        _finite("label_dropout", self.label_dropout, 0, 1)
        _finite("ema", self.ema, 0, 1)
        _finite("clip", self.clip, 0)
        _finite("save_minutes", self.save_minutes, 0)
        if not isinstance(self.compile, bool):
            raise SettingError(f"compile {self.compile!r} is neither true nor false")
        if self.limit is not None:
            _within("limit", self.limit, 1, TRAIN_IMAGES)

    @property
    def first_weights(self) -> str | None:
        """Which weights it starts from; None: new ones."""
        return self.start_from or self.teacher

    @property
    def images(self) -> int:
        """Training images an epoch."""
        return self.limit or TRAIN_IMAGES

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

C = TypeVar("C", ModelConfig, ScheduleConfig, SampleConfig, TrainConfig)


def to_dict(config: ModelConfig | ScheduleConfig | SampleConfig | TrainConfig) -> dict[str, Any]:
    """The configuration as JSON values."""
    return asdict(config)


def from_dict(cls: type[C], values: object) -> C:
    """The reverse of `to_dict`. Raises SettingError for anything that is not one: unknown or ill-typed fields, bad values."""
    if not isinstance(values, Mapping):
        raise SettingError(f"{cls.__name__} is not a table of settings")
    unknown = set(values) - {f.name for f in fields(cls)}
    if unknown:
        raise SettingError(f"{cls.__name__} has no field {sorted(map(str, unknown))[0]!r}; it may come from a newer digitty")
    given: dict[str, Any] = dict(values)
    if "model" in given:
        given["model"] = from_dict(ModelConfig, given["model"])
    if "schedule" in given:
        given["schedule"] = from_dict(ScheduleConfig, given["schedule"])
    try:
        config = cls(**given)
        hash(config)  # a list where a number belongs
    except (TypeError, AttributeError) as error:
        raise SettingError(f"{cls.__name__} has a field of the wrong type: {error}") from None
    return config


def changed(config: C, **changes: Any) -> C:
    """`config` with every change that is not None. Raises SettingError as the constructor does."""
    return replace(config, **{k: v for k, v in changes.items() if v is not None})
