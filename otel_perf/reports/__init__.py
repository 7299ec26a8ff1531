"""What is shown to people: one recorded object per view, and what draws it."""
