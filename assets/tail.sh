# shellcheck shell=sh
# Follows one operation from its first byte: ends when it has ended and all of it
# is told, or when standard input ends. Reads only. The program lays newer.sh and claim.sh
# before it and one function round all, with the call
#
#   tail_operation DIRECTORY PROJECT ID     ID: six digits
#
# Prints frames as the follower does, with "-" for INDEX: "@- PART LENGTH\n",
# LENGTH bytes, "\n". Parts:
#   missing      there is no such operation; nothing follows
#   newer        a newer format has written some of it: which file (see newer.sh), a line
#                end, and its claim; nothing follows
#   never_began  its holder died before it had a folder; nothing follows
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

# frame_file PART FILE: a whole file, empty if it cannot be read.
frame_file() {
	frame_text=$(cat "$2" 2>/dev/null && printf x)
	frame "$1" "${frame_text%x}"
}

# pass PART COUNT: passes on so many bytes from standard input, a megabyte a
# frame, each with one read.
pass() {
	pass_left=$2
	while [ "$pass_left" -gt 0 ]; do
		pass_now=$pass_left
		[ "$pass_now" -le 1048576 ] || pass_now=1048576
		printf '@- %s %s\n' "$1" "$pass_now"
		dd bs="$pass_now" count=1 2>/dev/null
		printf '\n'
		pass_left=$((pass_left - pass_now))
	done
}

# tell_grown: the output is measured before the journal, and told after it: what
# a step printed never comes before its beginning.
tell_grown() {
	output_size=$(wc -c <output.log)
	journal_size=$(wc -c <journal.jsonl)
	pass journal $((journal_size - told_of_journal)) <&3
	pass output $((output_size - told_of_output)) <&4
	told_of_journal=$journal_size
	told_of_output=$output_size
}

# enter_folder ID: false where there is none or it is not ours to read, which is told.
enter_folder() {
	here
	if written_newer "$1"; then
		claim_of "$1"
		frame newer "$newer_file
$claim"
		return 1
	fi
	while ! cd -- "$root/operations/$1" 2>/dev/null; do
		holder_of "$1"
		case $holder in
		# It has claimed, and its folder comes.
		alive) wait_a_little ;;
		never_began) frame never_began '' && return 1 ;;
		*) [ -d "$root/operations/$1" ] || { frame missing '' && return 1; } ;;
		esac
	done
}

tail_files() {
	tail_looks=0
	fractions=no
	sleep 0.01 2>/dev/null && fractions=yes
	enter_folder "$1" || return
	frame_file plan plan.json
	# Both are laid before the first step; until then there is nothing to tell.
	while [ ! -e journal.jsonl ] || [ ! -e output.log ]; do
		if has_ended "$1"; then
			frame_file end "$end_file"
			return
		fi
		wait_a_little
	done
	exec 3<journal.jsonl 4<output.log
	told_of_journal=0
	told_of_output=0
	while :; do
		# Looked at first: what was written before the end is told before it.
		ended=no
		! has_ended "$1" || ended=yes
		tell_grown
		[ "$ended" = no ] || break
		wait_a_little
	done
	[ ! -s basis.difference ] || frame_file difference basis.difference
	frame_file end "$end_file"
}

# has_ended ID: sets end_file. Now and then it is asked whether all of it died just
# before its end was put in its place.
has_ended() {
	end_file=end.json
	[ ! -e end.json ] || return 0
	tail_looks=$((tail_looks + 1))
	[ $((tail_looks % 10)) = 0 ] || return 1
	holder_of "$1"
	[ "$holder" = ended ] || return 1
	[ -e end.json ] || end_file=end.new
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
	root=$1/.flightdeck/$2
	# What runs in the background is given /dev/null for its standard input.
	exec 5<&0
	tail_files "$3" 5<&- </dev/null &
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
