"""scripts/bench: how fast Scrip is on this machine, each figure beside its floor from the same run."""
