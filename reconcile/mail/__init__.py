"""Mail bodies: what is in them, and what differs between two. Knows no platform."""
