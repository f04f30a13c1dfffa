# shellcheck shell=sh
# Brings an operation the verdict of somebody who follows it on a check that is asked
# from where they are: a file in its folder, for which the step waits. The program
# lays newer.sh before it and one function round both, with the call
#
#   verdict DIRECTORY PROJECT ID CHECK WORD TEXT     ID: six digits; CHECK: what the
#                     step calls it; WORD: asking (somebody has begun to ask), holds
#                     or fails; TEXT: why, one line
#
# Of two verdicts the first one counts. Prints {"noted":true}, or {"failed":WORD} with
# WORD missing (no such operation), not_waiting (the step does not, or not yet or any
# more), format (a newer flightdeck has written some of it: see newer.sh), or write.

verdict() {
	case $1 in
	[~]) verdict_in=$HOME ;;
	[~]/*) verdict_in=$HOME/${1#??} ;;
	*) verdict_in=$1 ;;
	esac
	root=$verdict_in/.flightdeck/$2
	if written_newer "$3"; then
		claim_of "$3"
		say_newer "$claim"
	elif ! cd -- "$root/operations/$3" 2>/dev/null; then
		printf '{"failed":"missing"}\n'
	elif [ -e end.json ] || [ ! -e "verdicts/$4.waiting" ]; then
		printf '{"failed":"not_waiting"}\n'
	elif verdict_note "verdicts/$4" "$5" "$6"; then
		printf '{"noted":true}\n'
	else
		printf '{"failed":"write"}\n'
	fi
}

# verdict_note FILE WORD TEXT: complete from its first instant.
verdict_note() {
	if [ "$2" = asking ]; then
		: >"$1.asking"
		return
	fi
	verdict_new=$1.new-$$
	printf '%s\n%s\n' "$2" "$3" >"$verdict_new" || return 1
	ln "$verdict_new" "$1" 2>/dev/null
	rm -f "$verdict_new"
	[ -e "$1" ]
}
