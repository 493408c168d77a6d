#!/bin/sh
# The shell in every terminal, whoever serves it: its prompt begins with a character that nothing else prints.
PS1=$(printf '\036$ ')
export PS1
exec /bin/sh -i
