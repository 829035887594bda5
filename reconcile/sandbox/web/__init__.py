"""The web page: the emulated accounts as a person sees and edits them, server-rendered, without scripts.

Its edits go through the same operations as the API's, and are no API calls: the log of requests stays as it is.
"""
