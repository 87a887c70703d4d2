"""Draws the examples that ship, the ten digits by each of the shipped weights for digits: `python docs/examples.py`."""

from __future__ import annotations

from engine.config.sampling import SampleConfig, with_sampler
from engine.jobs.jobs import Jobs
from engine.protocol.events import DrawDone
from engine.protocol.requests import DrawRequest
from engine.storage.examples import FOLDER, NAMES, SEED, file_name
from engine.storage.images import save_strip


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    jobs = Jobs("cpu", "fp32")
    for weights in NAMES:
        sample = SampleConfig(seed=SEED)
        if weights == "shipped:one-step":
            sample = with_sampler(sample, "one-step")
        *_, done = jobs.draw(DrawRequest(tuple(range(10)), sample, weights=weights))
        assert isinstance(done, DrawDone)
        path = FOLDER / file_name(weights)
        save_strip(path, done.images)
        print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
