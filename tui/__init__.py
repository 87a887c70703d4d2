"""The screen and the digitty command. It knows Textual, and of the engine only the light packages.

Its packages, from the top: imports only go down. app.py comes between cli and screens.

    cli        the digitty command: opens the screen, draws without it, answers questions about the installation
    screens    Prompt, Generate, Grid and Train
    dialogs    windows that ask for one thing and close
    widgets    what the screens are made of
    studio     what the screens share: running jobs, settings, the training of this process
    render     pictures, plots and captions as characters
    settings   config.toml, keys, themes, remembered choices
    runs       what the screens show of a run
    terminal   the terminal: what it can show, what is typed, what is sent, and how it is restored
    web        the screen in a browser
"""
