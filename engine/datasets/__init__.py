"""Pictures of any source turned into a data set: read, checked, brought to one size, and cached. No torch, and numpy only inside functions.

    sources/     reads any SOURCE: a folder, an archive, an .npz file, a data set's name. Nothing that its files hold is run.
    prepare.py   a source and options -> the cache and a DataSpec, as a generator of events
    making.py    the work itself, with workers.py, picture.py and writing.py
    cache.py     what is prepared already

It knows neither runs nor networks. engine/data turns what is cached here into tensors.
"""
