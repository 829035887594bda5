"""GatorMail (CommuniGator, now Spotler UK): its API by the contract table, its kinds."""
