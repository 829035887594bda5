"""SqualoMail's System API, emulated from the vendor's page: its 35 functions over the sandbox's store.

``service`` takes a request apart, ``functions`` is the table of what there is, the other modules hold one family of
functions each, together with the operations that the web page and the control calls share.
"""
