"""The mathematics: noise schedules, denoising, guidance, samplers and the loss. Knows no network, no file and no device."""
