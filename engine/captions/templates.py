"""What stands around the description in a caption for training; engine/captions/held_out.py has those that are never trained on.

[name] is the digit. Either [before] and [behind] share what is said of it, or all of it is in [is]: a [bold] [seven] [leaning left];
the [seven] is [bold and leaning left].
"""

from __future__ import annotations

import random

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
here comes a
send me a
i need a
i target for a
may i have a
let us have a
bring me a
add a
put down a
write down a
jot down a
print a
next , a
now draw me a
today i want a
would you make a
can i get a
think of a
imagine a
i wonder how you draw a
something like a
a nice
a beautiful
a single
a version of a
an example of a
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
the [name] looks [is]
a [name] , looking [is]
the [name] has to be [is]
the [name] must look [is]
the [name] needs to be [is]
a [name] as [is] as you can
[name] , which i like [is]
[name] = [is]
[name] / [is]
i like the [name] [is]
your [name] should look [is]
could the [name] be [is]
can you make the [name] [is]
a [name] of this kind : [is]
a [name] , that means [is]
it is a [name] , and it looks [is]
what i want is a [name] that is [is]
make it [is] when you draw the [name]
[is] is what the [name] should be
[is] is how i like my [name]
make [is] what you write : [name]
something [is] , namely the [name]
as [is] as possible , your [name]
it should be [is] ; it is a [name]
keep it [is] - it is the number , [name]
it has to look [is] . write [name]
[is] . now a [name]
[behind] , that is how i want the [before] [name]
with a look that is [is] , draw the [name]
"""

_FILLER_WORDS = """could would may might shall do does did have had get got find found make made use used try help let go going come want wanted
    need like love prefer hope target ask asked order mean suppose imagine think know tell say said look looks see seen watch show
    keep leave put start stop finish change fit suit serve pass build form shape compose design trace scribble doodle pen pencil
    ink brush page canvas board screen sheet file today now then soon later still also even maybe perhaps actually simply kindly
    quickly carefully neatly nicely good nice best better new old next first some any every each my your our his her their me you
    us him them i we he she they here there where when why how what who for from by into over about around after before between
    as if because since and or hi hello hey ok okay yes sure quick version type style thing item piece sample example copy result
    answer picture image photo drawing sketch glyph character symbol sign job task request idea favour moment minute"""
FILLERS = tuple(_FILLER_WORDS.split())
"""Words that mean nothing in a caption."""
MOST_FILLERS = 5


def make_template(rng: random.Random) -> str:
    """A template whose words mean nothing, before and behind the description: a reader learns to pass over words that are new to it."""
    before, behind = (" ".join(rng.choices(FILLERS, k=rng.randint(0, MOST_FILLERS))) for _ in range(2))
    core = rng.choice(("a [before] [name] [behind]", "the [before] [name] [behind]", "[before] [name] [behind]", "[name] [is]", "the [name] as [is]"))
    return " ".join(f"{before} {rng.choice(('', '', ',', ':'))} {core} {rng.choice(('', '', ','))} {behind}".split())


TEMPLATES = (
    "[before] [name] [behind]",
    "[before] [name] [behind] please",
    *(f"{frame} [before] [name] [behind]" for frame in _FRAMES.strip().splitlines()),
    *_STATEMENTS.strip().splitlines(),
)
