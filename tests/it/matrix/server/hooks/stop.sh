# shellcheck shell=sh
# Read by its neighbours, which stand before the real commands in a step's PATH. A
# test lays a file named for a point into stops/; whoever comes there first says so
# and waits for the word to go on. Without such a file nothing is different.

stops=${0%/*}/../stops

# at POINT
at() {
	/bin/mv "$stops/$1" "$stops/$1.reached" 2>/dev/null || return 0
	printf '%s %s\n' "$1" "$PPID" >"$stops/reached"
	# The end of the file means that the test is gone.
	read -r stop_word <"$stops/go"
	: "${stop_word:-}"
}
