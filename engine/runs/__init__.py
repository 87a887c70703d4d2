"""A run directory, which outlives every process: any number of readers, one writer. No torch.

runs/NAME/config.json                 what the run is, sealed with its SHA-256
          metrics.jsonl               one line a step, an epoch, an event; append-only, a CRC a line
          checkpoints/state-0000469.pt    training state; the highest number is the latest; one that is damaged ends in .pt.damaged
          checkpoints/best.safetensors    the average weights after the best epoch
          samples/step-0000100.png    the ten digits from fixed noise, side by side
          lock, writers/              which process writes it, and its heartbeat: see liveness.py
          control.json                what another process asks of the writer: pause, run, stop
          train.log                   what a detached trainer says

The parts: run.py reads, writer.py writes, manage.py makes, renames and deletes.
"""
