"""What audiences of both platforms need: sources read, people on a workbench, keyed digests of what was done."""
