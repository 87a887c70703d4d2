"""What stands around the description in a caption for training; engine/captions/held_out.py has those that are never trained on.

[name] is the digit. Either [before] and [behind] share what is said of it, or all of it is in [is]: a [bold] [seven] [leaning left];
the [seven] is [bold and leaning left].
"""

from __future__ import annotations

_FRAMES = """
a
the
draw a
please draw a
write a
please write me a
show me a
show a
give me a
i want a
i would like a
could you draw a
can you write a
make a
please make me a
paint a
sketch a
create a
generate a
just a
only a
another
some
a picture of a
a photo of a
an image of a
a drawing of a
a sample of a
a handwritten
a hand-drawn
here is a
it is a
it shows a
you can see a
there is a
somebody wrote a
now a
try a
"""

_STATEMENTS = """
[name] , [is]
a [name] , [is]
[name] [is]
a [name] [is]
the [name] [is]
draw a [name] , [is]
a [name] that is [is]
the [name] that is [is]
[name] which is [is]
a [name] which looks [is]
draw a [name] that is [is]
draw the [name] [is]
write the [name] [is]
please make the [name] [is]
the [name] is [is]
the [name] should be [is]
a [name] and it is [is]
draw a [name] and make it [is]
i want the [name] to be [is]
[name] : [is]
[name] ( [is] )
[name] - [is]
[name] ; [is]
[name] , but [is]
[name] , make it [is]
[name] , please [is]
[name] , it must be [is]
"""

TEMPLATES = (
    "[before] [name] [behind]",
    "[before] [name] [behind] please",
    *(f"{frame} [before] [name] [behind]" for frame in _FRAMES.strip().splitlines()),
    *_STATEMENTS.strip().splitlines(),
)
