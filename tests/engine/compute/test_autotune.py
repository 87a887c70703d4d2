"""Which precisions are tried on which CPU, that trials are true, and that a cache in any state is no obstacle."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from engine.compute import autotune, machine_cache
from engine.compute import candidates as candidates_module
from engine.compute.autotune import measure
from engine.compute.candidates import LIMITS, candidates, cpu_bf16, supports
from engine.compute.precision import Numerics
from engine.compute.trials import Purpose, Trials
from engine.config.model import ModelConfig
from engine.errors import DeviceError, SettingError
from engine.protocol.events import Event, Preparing, Tick
from engine.sampling.runtime import Runtime
from engine.storage import paths

CPU = torch.device("cpu")
MODEL = ModelConfig(channels=(8, 8, 8), time_dim=16, emb_dim=16, groups=4)
Processor = Callable[..., None]


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch) -> Processor:
    """Makes torch report a CPU with these features; without any of them it has AVX2 only."""
    for name in LIMITS:
        monkeypatch.delenv(name, raising=False)

    def be(*features: str, machine: str = "x86_64") -> None:
        monkeypatch.setattr(candidates_module.platform, "machine", lambda: machine)
        monkeypatch.setattr(candidates_module, "_cpu_has", lambda feature: feature in features)

    return be


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Numerics, int]]:
    """Trials take no time, and report that channels_last is twice as fast; returns those that were made."""
    made: list[tuple[Numerics, int]] = []

    def seconds(self: Trials, how: Numerics, size: int) -> float:
        made.append((how, size))
        return size * (0.001 if how.channels_last else 0.002)

    monkeypatch.setattr(Trials, "seconds", seconds)
    return made


def names(device: torch.device = CPU) -> list[str]:
    return [f"{how.precision} {how.layout}" for how in candidates(device, "auto")]


# --- what a CPU has ---------------------------------------------------------------------------------------------------


def test_a_cpu_with_native_bf16_tries_it_first(processor: Processor) -> None:
    processor("avx512", "avx512_bf16")
    assert names() == ["bf16 channels_last", "bf16 contiguous", "fp32 contiguous", "fp32 channels_last"]


def test_a_cpu_that_converts_bf16_tries_it_last(processor: Processor) -> None:
    processor("avx512")
    assert names() == ["fp32 contiguous", "fp32 channels_last", "bf16 channels_last", "bf16 contiguous"]


def test_a_cpu_with_avx2_only_does_not_try_bf16(processor: Processor) -> None:
    processor()
    assert names() == ["fp32 contiguous", "fp32 channels_last"]
    assert not supports(CPU, Numerics("bf16", channels_last=True)), "a run trained in it goes on in another"
    assert [how.precision for how in candidates(CPU, "bf16")] == ["bf16", "bf16"], "whoever asks for it gets it"


@pytest.mark.parametrize("variable", ["ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"])
@pytest.mark.parametrize(("limit", "expected"), [("AVX2", "none"), ("avx2", "none"), ("AVX512_CORE", "converted"), ("ALL", "native")])
def test_the_environment_limits_the_cpu(processor: Processor, monkeypatch: pytest.MonkeyPatch, variable: str, limit: str, expected: str) -> None:
    processor("avx512", "avx512_bf16", "amx_tile")
    monkeypatch.setenv(variable, limit)
    assert cpu_bf16() == expected


@pytest.mark.parametrize("machine", ["aarch64", "arm64", "riscv64", "AMD64"])
def test_no_cpu_is_left_without_candidates(processor: Processor, machine: str) -> None:
    processor(machine=machine)
    assert "fp32 contiguous" in names()


def test_this_cpu_says_something() -> None:
    assert cpu_bf16() in ("native", "converted", "none")
    assert supports(CPU, Numerics("fp32", channels_last=False))
    assert not supports(CPU, Numerics("tf32", channels_last=True))
    with pytest.raises(SettingError, match="precision tf32 is not available on cpu; use one of"):
        candidates(CPU, "tf32")


# --- trials -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("purpose", ["train", "sample"])
@pytest.mark.parametrize("how", [Numerics("fp32", channels_last=False), Numerics("bf16", channels_last=True)], ids=["fp32", "bf16"])
def test_trials_are_timed(purpose: Purpose, how: Numerics, one_thread: None) -> None:
    trials = Trials(CPU, MODEL, purpose)
    assert all(0 < trials.seconds(how, size) < math.inf for size in (2, 24))


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), "out of memory"),
        (RuntimeError("CUBLAS_STATUS_NOT_SUPPORTED\n when calling cublasGemmEx"), "CUBLAS_STATUS_NOT_SUPPORTED when calling cublasGemmEx"),
        (None, "the numbers are not finite"),
    ],
)
def test_what_does_not_work_is_no_candidate(error: Exception | None, says: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def work() -> torch.Tensor:
        if error:
            raise error
        return torch.tensor(math.nan)

    monkeypatch.setattr(Trials, "_training_step", lambda *_: work)
    with pytest.raises(DeviceError, match=f"no precision works on cpu: {says}; try"):
        list(measure(CPU, MODEL, training=True))
    assert not cache().exists()


def test_measuring_says_what_it_does_and_can_be_left(home: Path, timed: list[tuple[Numerics, int]], processor: Processor) -> None:
    processor()
    *said, best = measure(CPU, MODEL, training=True)
    assert best == Numerics("fp32", channels_last=True)
    assert said[0] == "measuring fp32, contiguous"
    assert len(said) == len(timed), "it can be left before each trial"
    cache().unlink()
    timed.clear()
    left = measure(CPU, MODEL, training=True)
    next(left)
    left.close()
    assert not timed
    assert not cache().exists()


def test_the_same_words_are_said_once(home: Path, timed: list[tuple[Numerics, int]], processor: Processor) -> None:
    processor()
    events: list[Event] = list(Runtime("cpu").choose_numerics(MODEL, training=False))
    assert events[:3] == [Preparing("measuring fp32, contiguous"), Tick(), Preparing("measuring fp32, channels_last")]


# --- the cache --------------------------------------------------------------------------------------------------------


def cache() -> Path:
    return paths.cache_dir() / "precision.json"


def measured_again(made: list[tuple[Numerics, int]]) -> bool:
    made.clear()
    *_, best = measure(CPU, MODEL, training=True)
    assert best == Numerics("fp32", channels_last=True)
    return bool(made)


@pytest.fixture
def avx2(processor: Processor) -> None:
    processor()


@pytest.mark.usefixtures("home", "avx2")
class TestCache:
    def test_an_answer_is_remembered(self, timed: list[tuple[Numerics, int]]) -> None:
        assert measured_again(timed)
        assert not measured_again(timed)

    @pytest.mark.parametrize("name", LIMITS)
    def test_another_environment_is_measured_anew(self, name: str, timed: list[tuple[Numerics, int]], monkeypatch: pytest.MonkeyPatch) -> None:
        assert measured_again(timed)
        monkeypatch.setenv(name, "AVX2")
        assert measured_again(timed)

    def test_another_cpu_torch_or_number_of_threads_is_measured_anew(
        self, timed: list[tuple[Numerics, int]], monkeypatch: pytest.MonkeyPatch, one_thread: None
    ) -> None:
        assert measured_again(timed)
        monkeypatch.setattr(torch, "__version__", "2.99.0")
        assert measured_again(timed)
        monkeypatch.setattr(machine_cache, "_cpu_name", lambda: "another CPU")
        assert measured_again(timed)
        monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
        assert measured_again(timed)
        assert len(json.loads(cache().read_text())) == 4

    @pytest.mark.parametrize("text", ["", "[" * 10_000, "[1]", "null", "\xff", '{"a": 1}', "{", " " * (2 << 20)], ids=range(8))
    def test_wrong_content_is_replaced(self, text: str, timed: list[tuple[Numerics, int]]) -> None:
        cache().parent.mkdir(parents=True)
        cache().write_text(text, encoding="latin-1")
        assert measured_again(timed)
        assert not measured_again(timed)

    @pytest.mark.parametrize(
        "entry",
        [None, "fp32", [], {}, {"precision": "bf16", "channels_last": True}, {"precision": ["fp32"], "channels_last": True}]
        + [{"precision": "fp32", "channels_last": value} for value in (1, "true", None)],
    )
    def test_a_wrong_entry_is_replaced(self, entry: object, timed: list[tuple[Numerics, int]]) -> None:
        assert measured_again(timed)
        (key,) = json.loads(cache().read_text())
        cache().write_text(json.dumps({key: entry}))
        assert measured_again(timed)
        assert not measured_again(timed)

    def test_a_fifo_waits_for_nobody(self, timed: list[tuple[Numerics, int]]) -> None:
        cache().parent.mkdir(parents=True)
        os.mkfifo(cache())
        assert measured_again(timed)
        assert not measured_again(timed), "a file took its place"

    def test_it_stays_small(self, timed: list[tuple[Numerics, int]]) -> None:
        cache().parent.mkdir(parents=True)
        cache().write_text(json.dumps({str(i): {} for i in range(5000)}))
        assert measured_again(timed)
        assert len(json.loads(cache().read_text())) == machine_cache.CACHE_LENGTH
        assert not measured_again(timed)

    @pytest.mark.parametrize("obstacle", ["a file for a folder", "a folder for the file"])
    def test_a_cache_that_can_not_be_written_is_no_error(self, obstacle: str, timed: list[tuple[Numerics, int]]) -> None:
        if obstacle == "a file for a folder":
            cache().parent.parent.mkdir(parents=True, exist_ok=True)
            cache().parent.write_text("")
        else:
            (cache() / "x").mkdir(parents=True)
        assert measured_again(timed)
        assert measured_again(timed)

    def test_a_machine_too_busy_to_tell_is_measured_again(self, timed: list[tuple[Numerics, int]], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(autotune, "BUDGET", {"train": -1.0})
        for _ in range(2):
            *_, best = measure(CPU, MODEL, training=True)
            assert best == Numerics("fp32", channels_last=False), "the likeliest"
        assert not cache().exists()
