"""Config as code for e-mail marketing platforms."""
