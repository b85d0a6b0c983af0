"""How long a run will take: from earlier runs, while it goes on, and within a budget."""
