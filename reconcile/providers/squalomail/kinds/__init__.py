"""The kinds of SqualoMail. The folder is the list: each module holds one kind."""
