"""The engine: images, labels and noise. It never imports tui, textual or rich.

    prompt --parser--> labels --guidance--> denoise(x_t, t) --sampler--> steps --> pixels --> Frame
    MNIST --batches--> (x0, label) --trainer--> loss --> TrainStep, Preview, EpochDone, Saved

Its packages, from the top: an import may only go down.

    cli          the commands without a screen: train, evaluate, export, runs, watch
    jobs         the front door: draw, train, evaluate and explain as generators of events, and the thread that pulls them
  heavy, with torch:
    training     the loop, one optimiser step, distillation, and what is saved when
    evaluation   how good drawn images are
    explain      what the screen How teaches with: guesses, loss at each noise level, attention
    sampling     drawing with trained weights: which are in memory, batches, rejection sampling
    checkpoints  weights and training states as files
    data         training images and their order
    compute      the device, and the precision that is fastest on it
    models       the networks
    diffusion    noise schedules, denoising, guidance, samplers, loss
    measures     what drawn strokes look like: thickness, slant, width, length, variants of digits
    solids       pictures of solids on a floor, drawn with numpy: a data set that needs no download
  light, without torch, as are cli and jobs:
    runs         a run's folder: many readers, one writer
    datasets     pictures of any source turned into a cached data set
    process      signals, standard streams, processors, and the processes that train together
    storage      where files lie, how they are written, and pictures
    captions     texts that describe digits, for a text encoder to learn from
    protocol     requests and events, which cross threads and processes
    prompt       a prompt turned into labels
    config       what can be chosen, with ranges and presets

errors.py has every error raised on purpose; formatting.py turns numbers and foreign text into text for people.
"""
