# shellcheck shell=sh
# Reads the end of an environment's ledger. The program lays ledger_shape.sh before it,
# one function round both, and the call
#
#   history DIRECTORY PROJECT LINES
#
# Prints what ledger_shape tells, a line "-", and the last LINES lines; nothing where
# there is no ledger. Exits with other than 0 where it cannot be read.

unset CDPATH
LC_ALL=C

history() {
	case $1 in
	[~]) set -- "$HOME" "$2" "$3" ;;
	[~]/*) set -- "$HOME/${1#??}" "$2" "$3" ;;
	esac
	cd -- "$1" || exit 1
	[ -e ".flightdeck/$2" ] || exit 0
	cd -- ".flightdeck/$2" || exit 1
	history_lines=$3
	# The older half of a long ledger lies in a file of its own.
	set --
	for ledger in ledger.1.jsonl ledger.jsonl; do
		[ -e "$ledger" ] || continue
		[ -r "$ledger" ] || exit 1
		set -- "$@" "$ledger"
	done
	[ $# != 0 ] || exit 0
	ledger_shape .
	echo -
	cat -- "$@" | tail -n "$history_lines"
}
