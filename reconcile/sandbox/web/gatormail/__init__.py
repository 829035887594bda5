"""GatorMail's part of the web page: a module for each kind, with its pages and what their forms do."""
