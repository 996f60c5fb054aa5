"""Ways to break an export, and the runtime that must say no: see `sabotage.saboteur`."""
