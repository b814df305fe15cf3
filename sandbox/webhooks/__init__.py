"""What Meta posts: planning, bodies, queue, transport."""
