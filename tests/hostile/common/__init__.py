"""What the attacks share: measure, protocols, frame, and servers to attack."""
