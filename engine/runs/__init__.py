"""A run's directory, which outlives every process. It may have any number of readers, but one writer at a time. No torch.

runs/NAME/config.json                 what the run is, with its SHA-256
          metrics.jsonl               one line for each logged step, epoch and event; append-only, each line with its CRC
          checkpoints/state-0000469.pt    training state; the highest number is the latest; a damaged one ends in .pt.damaged
          checkpoints/best.safetensors    the averaged weights after the best epoch
          checkpoints/epoch-0000005.safetensors   a snapshot of the averaged weights, if --keep-every keeps them
          samples/step-0000100.png    previews from fixed noise, side by side
          lock, writers/              which process writes the run, and its heartbeat: see liveness.py
          control.json                the last command from another process: pause, run or stop
          train.log                   the output of a detached trainer

run.py reads a run, writer.py writes one, manage.py creates, renames and deletes them. metrics_log.py knows the lines of metrics.jsonl.
"""
