# shellcheck shell=sh
# Follows one operation from its first byte: ends when it has ended and all of it
# is told, or when standard input ends. Reads only. The program lays one function
# round it, with the call
#
#   tail_operation DIRECTORY PROJECT ID     ID: six digits
#
# Prints frames as the follower does, with "-" for INDEX: "@- PART LENGTH\n",
# LENGTH bytes, "\n". Parts:
#   missing      there is no such operation; nothing follows
#   plan         plan.json, first
#   journal      the next bytes of journal.jsonl, in order
#   output       the next bytes of output.log, in order
#   difference   basis.difference, where the basis did not hold
#   end          end.json; nothing follows

unset CDPATH
LC_ALL=C

frame() {
	printf '@- %s %s\n%s\n' "$1" "${#2}" "$2"
}

# grown FILE POSITION: sets more to how many bytes there are behind POSITION, a
# megabyte at most.
grown() {
	more=$(($(wc -c <"$1") - $2))
	[ "$more" -le 1048576 ] || more=1048576
	[ "$more" -gt 0 ]
}

# pass PART: passes on $more bytes from standard input, with one read.
pass() {
	printf '@- %s %s\n' "$1" "$more"
	dd bs="$more" count=1 2>/dev/null
	printf '\n'
}

tell_grown() {
	while grown journal.jsonl "$journal_told"; do
		pass journal <&3
		journal_told=$((journal_told + more))
	done
	while grown output.log "$output_told"; do
		pass output <&4
		output_told=$((output_told + more))
	done
}

tail_files() {
	fractions=no
	sleep 0.01 2>/dev/null && fractions=yes
	frame plan "$(cat plan.json 2>/dev/null)"
	# Both are laid before the first step; until then there is nothing to tell.
	while [ ! -e journal.jsonl ] || [ ! -e output.log ]; do
		if [ -e end.json ]; then
			frame end "$(cat end.json)"
			return
		fi
		wait_a_little
	done
	exec 3<journal.jsonl 4<output.log
	journal_told=0
	output_told=0
	while :; do
		# Looked at first: what was written before the end is told before it.
		ended=no
		[ ! -e end.json ] || ended=yes
		tell_grown
		[ "$ended" = no ] || break
		wait_a_little
	done
	[ ! -s basis.difference ] || frame difference "$(cat basis.difference)"
	frame end "$(cat end.json)"
}

wait_a_little() {
	if [ "$fractions" = yes ]; then
		sleep 0.2 >/dev/null 2>&1
	else
		sleep 1 >/dev/null 2>&1
	fi
}

tail_operation() {
	case $1 in
	[~]) set -- "$HOME" "$2" "$3" ;;
	[~]/*) set -- "$HOME/${1#??}" "$2" "$3" ;;
	esac
	if ! cd -- "$1/.flightdeck/$2/operations/$3" 2>/dev/null; then
		frame missing ''
		return
	fi
	# What runs in the background is given /dev/null for its standard input.
	exec 5<&0
	tail_files 5<&- </dev/null &
	tailing=$!
	# Whichever ends first ends the other.
	(
		cat <&5 >/dev/null
		kill "$tailing"
	) >/dev/null 2>&1 &
	reading=$!
	wait "$tailing"
	kill "$reading" 2>/dev/null
}
