# shellcheck shell=sh
# Looks for the operation of a nonce, after a reply was lost on its way. The
# program lays one function round it, with the call
#
#   find_operation DIRECTORY PROJECT NONCE
#
# Prints {"started":42} or {"started":null}: no such claim; nothing was started
# unless the script is still on its way.

find_operation() {
	case $1 in
	[~]) set -- "$HOME" "$2" "$3" ;;
	[~]/*) set -- "$HOME/${1#??}" "$2" "$3" ;;
	esac
	found=null
	for claim in "$1/.flightdeck/$2"/claims/[0-9]*; do
		record=
		[ ! -r "$claim" ] || read -r record <"$claim"
		case $record in
		*"\"nonce\":\"$3\""*)
			found=${claim##*/}
			while [ "${found#0}" != "$found" ]; do found=${found#0}; done
			;;
		esac
	done
	printf '{"started":%s}\n' "$found"
}
