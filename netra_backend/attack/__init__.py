"""`netra attack`: tries, from outside and with two accounts, to reach what belongs to the other one."""
