"""Setting up: system packages, the private cluster, migrations, demo data, and the programs that serve or test."""
