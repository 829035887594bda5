"""The vocabulary: frozen values that every other package speaks in. No disk, network or clock."""
