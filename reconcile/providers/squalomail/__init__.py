"""SqualoMail: its operations, its client and its kinds (one file each in ``kinds``)."""
