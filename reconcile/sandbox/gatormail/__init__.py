"""GatorMail's REST API, emulated from the reference's OpenAPI document over the sandbox's store.

``service`` takes a request apart, ``contract`` is the one table of paths, verbs and member names, ``shapes`` says what
objects look like, ``operations`` joins each operation with what carries it out, and the other modules hold one family
of operations each, together with what the control calls share.
"""
