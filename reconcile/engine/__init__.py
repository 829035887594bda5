"""The only code that calls kinds and moves state forward."""
