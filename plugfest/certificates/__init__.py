"""What ``plugfest pki`` does: one function for each sub-command, arguments in, exit code out."""
