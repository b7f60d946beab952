"""Who somebody is: users, passwords, the sessions of browsers, API tokens."""
