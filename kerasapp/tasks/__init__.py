"""One file a task: the only place where pipelines meet models."""
