# shellcheck shell=sh
# Asks an operation to cancel: puts a file into its folder, which its runner sees.
# The program lays newer.sh before it and one function round both, with the call
#
#   cancel_operation DIRECTORY PROJECT ID WHO     ID: six digits; WHO: a JSON line
#
# Prints {"cancelling":42}, or {"failed":WORD} with WORD missing (no such
# operation), ended, format (a newer flightdeck has written some of it: see newer.sh),
# or write.

cancel_operation() {
	case $1 in
	[~]) set -- "$HOME" "$2" "$3" "$4" ;;
	[~]/*) set -- "$HOME/${1#??}" "$2" "$3" "$4" ;;
	esac
	root=$1/.flightdeck/$2
	if written_newer "$3"; then
		claim_of "$3"
		say_newer "$claim"
	elif ! cd -- "$root/operations/$3" 2>/dev/null; then
		printf '{"failed":"missing"}\n'
	elif [ -e end.json ]; then
		printf '{"failed":"ended"}\n'
	elif [ -e cancel ] || printf '%s\n' "$4" >cancel; then
		number=$3
		while [ "${number#0}" != "$number" ]; do number=${number#0}; done
		printf '{"cancelling":%s}\n' "$number"
	else
		printf '{"failed":"write"}\n'
	fi
}
