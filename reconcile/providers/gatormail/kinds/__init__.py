"""The kinds of GatorMail. The folder is the list: each module holds one kind."""
