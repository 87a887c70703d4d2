"""Pictures of any source turned into a data set: read, checked, brought to one size, and cached. No torch, and numpy only inside functions.

    sources/     reads any SOURCE: a folder, an archive, an .npz file, a data set's name. Nothing that its files hold is run.
    options.py   what the user chooses
    prepare.py   a source and options -> the cache and a DataSpec, as a generator of events

It knows neither runs nor networks. engine/data turns what is cached here into tensors.
"""
