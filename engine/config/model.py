"""The network's and the noise schedule's settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.config.condition import ConditionConfig
from engine.config.data import MNIST, DataSpec
from engine.config.fields import check_bool, check_fields, check_finite, check_one_of, check_within, setting
from engine.config.text import TextConfig
from engine.errors import SettingError

ScheduleKind = Literal["linear", "cosine"]
Prediction = Literal["eps", "v", "edm", "x0"]
NetworkKind = Literal["unet", "writer", "text", "tower"]
PATCHES = (1, 2, 4, 8, 16)
"""Sides of a patch, in pixels."""

AUGMENT_PARAMETERS = 4
"""Numbers that describe how a training image was augmented: scale, angle, shift down and right; 0 for as it is."""


@dataclass(frozen=True)
class ModelConfig:
    """The network. The defaults are the guide's U-Net: 6,141,313 trainable parameters."""

    channels: tuple[int, ...] = (64, 128, 256)
    """The widths at the size that the first layer leaves, at half of it and, if there are three, at a quarter."""
    time_dim: int = 128
    """Width of the sinusoidal embedding."""
    emb_dim: int = 256
    """Width of the embedding of time and class."""
    groups: int = 8
    """Groups of each GroupNorm."""
    attention: bool = False
    """Self-attention at a quarter of the size, after the middle block."""
    attention_at_14: bool = False
    """Self-attention at half the size, after the encoder's block; named after MNIST's 14 pixels, as files have it."""
    prediction: Prediction = "eps"
    """What the network predicts; `denoiser.coefficients` converts it to x0."""
    one_step: bool = False
    """Whether it is a distilled student, which only draws with the sampler one-step."""
    augmented: bool = False
    """Whether a layer tells it how a training image was shifted, turned and scaled; drawing needs no such thing."""
    data: DataSpec = MNIST
    """What it draws: image size, channels and classes."""
    patch: int | None = None
    """Side of a patch; see `patch_side`. None: as in files that say nothing of it, 1 for three widths and 2 for two."""
    conditions: ConditionConfig | None = None
    """What it is told of a picture besides its class; None: nothing."""
    network: NetworkKind = "unet"
    """unet: it draws; writer: it encodes by whose hand a digit is, with `channels` and `groups` as its widths and `emb_dim` numbers in a code;
    text: it reads captions; tower: it says how well pictures and captions fit, with the same widths."""
    text: TextConfig | None = None
    """The text encoder of a network that reads words; None: it reads none. That of a tower is not part of it, and its words are left out."""
    reader: str | None = None
    """The digest of the reader of captions that a tower belongs to; None for other networks."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", tuple(self.channels))  # JSON gives a list
        check_within("groups", self.groups, 1, 4096)
        for width in self.channels:
            check_within("channels", width, 1, 4096)
        if len(self.channels) not in (2, 3) or any(width % self.groups for width in self.channels):
            raise SettingError(f"channels {self.channels} are not two or three multiples of {self.groups}")
        check_one_of("prediction", self.prediction, Prediction)
        check_one_of("network", self.network, NetworkKind)
        for name in ("attention", "attention_at_14", "one_step", "augmented"):
            check_bool(name, getattr(self, name))
        check_within("emb_dim", self.emb_dim, 1, 8192)
        check_within("time_dim", self.time_dim, 4, 8192)
        if self.time_dim % 2:
            raise SettingError(f"time_dim {self.time_dim} is odd; the sinusoidal embedding needs pairs")
        if not isinstance(self.data, DataSpec):
            raise SettingError(f"data {self.data!r} is not a description of images")
        if self.conditions is not None and not isinstance(self.conditions, ConditionConfig):
            raise SettingError(f"conditions {self.conditions!r} are not a table of settings")
        if self.text is not None and not isinstance(self.text, TextConfig):
            raise SettingError(f"text {self.text!r} is not a table of settings")
        if self.network in ("text", "tower") and self.text is None:
            raise SettingError("a network that reads captions has a text encoder")
        if self.reader is not None and not isinstance(self.reader, str):
            raise SettingError(f"reader {self.reader!r} is not a digest")
        if self.draws and (self.text is not None) != (self.conditions is not None and self.conditions.text):
            raise SettingError("a network that draws has a text encoder if it is told words, and only then")
        self._check_patch()

    def _check_patch(self) -> None:
        """Raises SettingError where the images can't be cut into patches and halved. A patch that is the usual one is recorded as None."""
        if self.patch is not None and (type(self.patch) is not int or self.patch not in PATCHES):
            raise SettingError(f"patch {self.patch!r} is not one of {', '.join(map(str, PATCHES))}")
        if self.patch == self.usual_patch:
            object.__setattr__(self, "patch", None)
        unit = side_unit(self.patch_side, len(self.channels))
        if self.data.height % unit or self.data.width % unit:
            size = f"{self.data.height}x{self.data.width}"
            how = f"cut into patches of {self.patch} pixels and halved" if self.patch else "halved twice"
            raise SettingError(f"images of {size} pixels can't be {how}; height and width must be multiples of {unit}")

    @property
    def draws(self) -> bool:
        """Whether pictures can be drawn with it."""
        return self.network == "unet"

    @property
    def usual_patch(self) -> int:
        """The side of a patch where `patch` does not say it."""
        return 1 << 3 - len(self.channels)

    @property
    def patch_side(self) -> int:
        """Side of the square of pixels that the first layer merges into one."""
        return self.patch or self.usual_patch


def side_unit(patch: int, levels: int) -> int:
    """Pixels of which an image's height and width must be multiples: each level after the first halves the patches."""
    return patch << levels - 1


@dataclass(frozen=True)
class ScheduleConfig:
    """The forward process q(x_t | x_0), Ho et al. 2020."""

    kind: ScheduleKind = setting("linear", "Noise schedule: linear as in the guide, or cosine.", choices=ScheduleKind, option="--schedule")
    """cosine: Nichol & Dhariwal 2021."""
    T: int = 1000
    beta_start: float = 1e-4
    beta_end: float = 0.02
    shift: float = 1.0
    """Multiplies sigma / alpha at every t, which shifts log SNR by -2 log(shift) (Hoogeboom et al. 2023, section 3.1, arXiv 2301.11093).

    Averaging blocks of shift x shift pixels then leaves as much noise as there is without a shift in images that are smaller by that factor.
    """

    def __post_init__(self) -> None:
        check_fields(self)
        check_within("T", self.T, 1, 1000)
        check_finite("beta_start", self.beta_start)
        check_finite("beta_end", self.beta_end)
        check_finite("shift", self.shift, 1e-3, 1e3)
        if not 0 < self.beta_start <= self.beta_end < 1:
            raise SettingError(f"betas {self.beta_start} … {self.beta_end} are not 0 < start ≤ end < 1")


NO_LABEL = -1
"""Stands for no label. It has no weights: its class embedding is zero."""
