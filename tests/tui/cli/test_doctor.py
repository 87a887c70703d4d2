"""`digitty doctor`: everything a bug report needs, nothing of whose it is, and a part that fails keeps no other from being told."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeJobs

from engine.cli.entry import run
from engine.cli.progress import ProgressLine
from engine.storage import paths
from tui.cli import doctor
from tui.cli.main import digitty


@pytest.fixture(autouse=True)
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    def weights() -> Any:
        yield "shipped: digest right"

    monkeypatch.setattr(doctor, "Jobs", lambda *_: FakeJobs())
    monkeypatch.setattr(doctor, "_classify", lambda _: "7")
    monkeypatch.setattr(doctor, "_devices", lambda: ["cpu (AVX2, bf16 none)", "cuda:0 (A)", "cuda:1 (B)"])
    monkeypatch.setitem(doctor.CHECKS, "weights", weights)
    monkeypatch.setattr(ProgressLine, "plain", False)


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert run(digitty, ["doctor", *arguments]) == code
    return capsys.readouterr().out


@pytest.mark.slow
def test_all_that_a_report_needs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("TMUX", "/tmp/tmux-1000/default,1,0")
    out = told(capsys, "--plain")
    for words in ("0.1.0", "torch ", "textual ", "runs: ", "cache: ", "free", "locale", "MNIST: 4 files, as published", "digest right"):
        assert words in out
    assert "truecolor colours, unicode" in out
    assert "detected from TERM=xterm-256color COLORTERM=truecolor" in out
    assert "TMUX=yes" in out, "and not where its socket is"
    assert "devices: cpu (AVX2, bf16 none), cuda:0 (A), cuda:1 (B)" in out
    assert "engine: cpu fp32 contiguous" in out
    assert "the classifier reads 7" in out
    assert len(told(capsys).splitlines()) >= len(out.splitlines()) + 14, "the digit itself"


@pytest.mark.parametrize(("build", "devices", "said"), [("13.0", ["cpu"], True), ("13.0", ["cpu", "cuda:0"], False), (None, ["cpu", "mps"], False)])
def test_cuda_build_without_gpu_is_noticed(
    build: str | None, devices: list[str], said: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.version.cuda", build)
    monkeypatch.setattr(doctor, "_devices", lambda: devices)
    assert ("torch is built for CUDA 13.0, but finds no NVIDIA GPU" in (out := told(capsys, "--plain"))) == said
    assert ("https://pytorch.org/get-started/locally/" in out) == said


def test_processors_and_what_limits_them(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "processors", lambda: 2)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setenv("OMP_NUM_THREADS", "1\x1b[2J")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    assert ", 2 of 8 processors, OMP_NUM_THREADS=1·[2J\n" in told(capsys, "--plain")


def test_home_is_not_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "ada"))
    monkeypatch.setenv("DIGITTY_HOME", str(tmp_path / "ada" / "d"))
    out = told(capsys, "--plain")
    assert "ada" not in out
    assert "~/d" in out


def test_what_fails_is_said_and_the_rest_goes_on(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.listdir(paths.ASSETS / "mnist"):
        (tmp_path / name).write_bytes((paths.ASSETS / "mnist" / name).read_bytes()[: 100 if name.startswith("t10k-images") else None])
    monkeypatch.setattr("engine.data.mnist.ARCHIVES", tmp_path)
    paths.config_dir().mkdir(parents=True)
    (paths.config_dir() / "config.toml").write_text("[draw]\nsteps = 0\n")
    out = told(capsys, "--plain", code=3)
    assert re.search(r"data        PROBLEM: .*t10k-images\S* is damaged or missing; install digitty again", out)
    assert "PROBLEM: config.toml, line 2: steps 0 is outside 1 to 1000" in out
    assert "the classifier reads 7" in out
