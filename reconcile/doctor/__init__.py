"""Ask a live account whether it is as our contract assumes, and keep what it answered for the sandbox."""
