"""Plans and diagnostics -> text. Everything returns str; nothing prints, reads a clock or the environment."""
