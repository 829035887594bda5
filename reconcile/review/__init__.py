"""A plan and its mails -> the page that a marketer reviews: one file, offline, inert, whole without script."""
