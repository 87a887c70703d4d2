"""The engine: images, labels and noise; it knows nothing of terminals.

    prompt  --parse-->  labels  --guided-->  denoise(x_t, t)  --sampler-->  Step, Step, …  --to_uint8-->  Frame
    dataset --batches-->  (x0, labels)  --Trainer.train_step-->  loss  -->  TrainStep, Preview, EpochDone, Saved

Light (no torch):
    errors      the tree of everything raised on purpose, with exit codes
    config      frozen dataclasses and PRESETS
    events      what a job can say
    prompt      prompt -> labels
    paths       where things are kept
    files       written whole or not at all, sealed with a digest
    metrics     metrics.jsonl: a CRC a line, read while it grows
    runs        a run directory; run reads it, writer writes it, manage_runs makes, renames and deletes it
    liveness    whether a run's writer lives; claim: one process gets to write
    control     what is wished of a run that trains: pause, stop
    group       the processes that train one run together
    images      pictures: grids, PNG with the recipe, GIF, NPZ
    worker      one thread that pulls jobs and stops them
    jobs        the front door: draw(), train(), evaluate() as generators of events
    cli         the jobs without a screen; cli_runs: what there is to do with runs
    telling     what commands say while they work; words: numbers as people read them
    leaving     how they leave when a signal asks them to
    detach      a training handed to a process of its own
    watch       a run in plain words

Heavy (torch):
    device      which device, which precision: measured, not guessed
    schedule    NoiseSchedule: betas, alpha_bar, q_sample, timesteps to walk
    unet        UNet: eps_theta(x_t, t, label)
    denoiser    denoise(x_t, t) -> (x0, eps); guidance and clipping wrap it
    samplers    ddpm, ddim, dpmpp_2m, one_step: generators of Step
    data        MNIST -> uint8 tensors on the device
    objective   what training minimises
    muon        momentum made orthogonal
    ema         the averaged weights that are sampled from
    trainer     one optimiser step; its state
    pairs       what a teacher makes of noise
    discriminator  tells real digits from drawn ones
    distil      a student that draws in one step what its teacher draws in many
    sealed      safetensors with a format, a version and a digest
    checkpoint  weights and training state; loaded without running code
    shelf       weights ready to draw with, and what else the jobs of a process share
    drawing     the drawing job
    training    the training job: which run, from which state
    session     its steps, and what falls due between them
    export      metrics as CSV and for TensorBoard
    classifier  the small CNNs that read digits: two judge, one has what it doubts drawn again
    redraw      which digits those are
    evaluate    accuracy, Fréchet distance, recall, coverage
"""
