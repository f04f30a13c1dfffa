# shellcheck shell=sh
# What a claim says, and whether its holder lives. Shared by the runner (which
# may claim only what nobody holds) and by the host's follower (which shows it).
# Laid before them by the program, after newer.sh; it does nothing by itself.
#
# Uses $root (the directory that holds claims/ and operations/) and $proc.
# A process is named by pid + start time + boot id + pid namespace: a pid alone
# proves nothing, since pids are used again.

proc=${FD_PROC:-/proc}

# process_stat PID: sets process_state, process_group, process_session and
# process_start; false where there is nothing to be seen.
process_stat() {
	process_text=
	[ -r "$proc/$1/stat" ] || return 1
	# The name in the second field may hold anything, line ends too.
	while IFS= read -r process_line || [ -n "$process_line" ]; do
		process_text="$process_text $process_line"
	done 2>/dev/null <"$proc/$1/stat"
	case $process_text in *') '*) ;; *) return 1 ;; esac
	# shellcheck disable=SC2086 # the fields are to be split
	set -- ${process_text##*) }
	process_state=$1
	process_group=$3
	process_session=$4
	process_start=${20:-0}
}

# process_lives PID START: a zombie has ended.
process_lives() {
	process_stat "$1" || return 1
	[ "$process_start" = "$2" ] || return 1
	case $process_state in Z | X | x) return 1 ;; esac
}

# group_lives GROUP START: START is its leader's, 0 where it was not seen.
group_lives() {
	is_group "$1" || return 1
	if process_stat "$1"; then
		# A number is not given again while a group still has it: another
		# start time means that nobody of the old group is left.
		[ "$2" = 0 ] || [ "$process_start" = "$2" ] || return 1
		case $process_state in Z | X | x) ;; *) return 0 ;; esac
	fi
	for process_entry in "$proc"/[0-9]*; do
		process_stat "${process_entry##*/}" || continue
		[ "$process_group" = "$1" ] || [ "$process_session" = "$1" ] || continue
		case $process_state in Z | X | x) ;; *) return 0 ;; esac
	done
	return 1
}

# is_group GROUP: 0 and 1 would mean everybody to kill.
is_group() {
	case $1 in '' | 0 | 1 | *[!0-9]*) return 1 ;; esac
}

# here: sets boot and namespace, empty where they cannot be read.
here() {
	boot=
	namespace=
	if [ -r "$proc/sys/kernel/random/boot_id" ]; then
		read -r boot <"$proc/sys/kernel/random/boot_id"
	fi
	namespace=$(readlink "$proc/self/ns/pid" 2>/dev/null)
}

# value NAME TEXT: sets value to a number, word or simple string of a JSON line.
# The last such key counts. Inside a JSON string every quote has a backslash
# before it, so that what an operator typed cannot look like a key.
value() {
	case $2 in
	*"\"$1\":"*)
		value=${2##*"\"$1\":"}
		case $value in
		\"*) value=${value#\"} && value=${value%%\"*} ;;
		*) value=${value%%[,\}]*} ;;
		esac
		;;
	*) value= ;;
	esac
}

# number_of NAME TEXT: likewise; 0 where it is none. What others have written is
# never given to arithmetic or to kill otherwise: a shell would evaluate it.
number_of() {
	value "$1" "$2"
	case $value in '' | 0?* | *[!0-9]*) value=0 ;; esac
}

# word_of NAME TEXT: likewise; empty where it is no step's id or word of ours.
word_of() {
	value "$1" "$2"
	case $value in *[!a-z0-9_-]*) value= ;; esac
}

# newest_claim: sets newest to the highest claim's six digits, empty where
# there is none.
# shellcheck disable=SC2034 # not for everybody
newest_claim() {
	newest=
	for newest_entry in "$root"/claims/[0-9][0-9][0-9][0-9][0-9][0-9]; do
		[ -e "$newest_entry" ] && newest=${newest_entry##*/}
	done
}

# read_journal FILE: sets what a journal says, from its whole lines only:
#   journal_open          yes while a step has begun and not ended
#   journal_direction, journal_step, journal_group, journal_group_start
#                         of the last step that began
#   journal_broken        yes if that step, in this operation or the one that this
#                         recovers, began and its end was never seen
#   journal_forward, journal_back, journal_closing
#                         the steps of each direction that held, a space round each;
#                         of closing those that began
#   journal_closing_open  the step of closing that began and whose end was never seen
#   journal_closing_failed   those of closing that failed, or of which that is all that
#                         is known, likewise
#   journal_began         the forward steps that began, likewise
#   journal_failed, journal_failed_exit, journal_failed_why
#                         the forward step that failed
#   journal_back_failed   the step back that failed
#   journal_back_begun, journal_cancel   yes or empty
#   journal_outcome       the outcome, once the closing list has begun, in this operation
#                         or in the one whose closing list alone this goes on with
#   journal_told          the outcome that the steps of journal_closing were told
#   journal_started       when it began, in seconds; journal_times as in the ledger
#   journal_choice, journal_list, journal_changed, journal_basis
#                         of a recovery, as runner.sh tells of its event
# shellcheck disable=SC2034 # some are for the runner alone
read_journal() {
	journal_open=
	journal_broken=
	journal_direction=
	journal_step=
	journal_group=0
	journal_group_start=0
	journal_forward=' '
	journal_back=' '
	journal_closing=' '
	journal_closing_open=
	journal_closing_failed=' '
	journal_began=' '
	journal_failed=
	journal_failed_exit=
	journal_failed_why=
	journal_back_failed=
	journal_back_begun=
	journal_cancel=
	journal_outcome=
	journal_told=
	journal_started=
	journal_times=
	journal_step_at=0
	journal_choice=
	journal_list=
	journal_changed=
	journal_basis=
	[ -r "$1" ] || return 0
	# A last line without its end is torn: what it would tell did not happen yet.
	while IFS= read -r journal_line; do
		case $journal_line in
		'{"v":1,"at":'*'}') ;;
		*) continue ;;
		esac
		number_of at "$journal_line" && journal_at=$value
		case $journal_line in
		*'"event":"begin"'*)
			word_of direction "$journal_line"
			[ "$value" != back ] || journal_back_begun=yes
			[ -n "$journal_started" ] || journal_started=$journal_at
			if [ "$value" = closing ]; then
				word_of outcome "$journal_line" && journal_outcome=$value
				if [ "$journal_told" != "$value" ]; then
					journal_closing=' '
					journal_closing_failed=' '
				fi
				journal_told=$value
			fi
			;;
		*'"event":"step_start"'*) journal_starts ;;
		*'"event":"step_end"'*) journal_ends ;;
		*'"event":"held"'*)
			word_of direction "$journal_line" && journal_held=$value
			word_of step "$journal_line"
			journal_holds "$journal_held" "$value"
			;;
		*'"event":"recovers"'*) journal_recovers ;;
		*'"event":"cancel"'*) journal_cancel=yes ;;
		esac
	done 2>/dev/null <"$1"
}

# journal_holds DIRECTION STEP
journal_holds() {
	case $1 in
	back)
		journal_back_begun=yes
		journal_back="$journal_back$2 "
		[ "$journal_back_failed" != "$2" ] || journal_back_failed=
		;;
	closing) journal_closing="$journal_closing$2 " ;;
	*)
		journal_forward="$journal_forward$2 "
		journal_began="$journal_began$2 "
		if [ "$journal_failed" = "$2" ]; then
			journal_failed=
			journal_failed_exit=
			journal_failed_why=
		fi
		;;
	esac
}

journal_starts() {
	journal_open=yes
	journal_step_at=$journal_at
	number_of group "$journal_line" && journal_group=$value
	number_of group_start "$journal_line" && journal_group_start=$value
	word_of direction "$journal_line" && journal_starts_in=$value
	word_of step "$journal_line"
	if [ "$journal_starts_in" = closing ]; then
		journal_closing="$journal_closing$value "
		journal_closing_open=$value
	fi
	# What an abandoning one runs only looks: where its plan stopped stays.
	[ "$journal_choice" != abandon ] || return 0
	journal_broken=yes
	journal_direction=$journal_starts_in
	journal_step=$value
	[ "$journal_direction" != forward ] || journal_began="$journal_began$journal_step "
}

# shellcheck disable=SC2034 # as above
journal_ends() {
	word_of direction "$journal_line" && journal_key=$value/
	word_of step "$journal_line"
	if [ "$journal_key" = closing/ ]; then
		journal_ended=$value
		journal_closing_open=
		# It failed in the operation that this one recovers, or was broken off there.
		[ -n "$journal_open" ] || journal_closing="$journal_closing$value "
		word_of exit "$journal_line"
		[ "$value" = 0 ] || journal_closing_failed="$journal_closing_failed$journal_ended "
		[ -n "$journal_open" ] || return 0
		value=$journal_ended
	fi
	journal_open=
	[ "$journal_key" != forward/ ] || journal_key=
	journal_times="$journal_times,\"$journal_key$value\":$((journal_at - journal_step_at))"
	[ "$journal_choice" != abandon ] || return 0
	journal_broken=
	word_of exit "$journal_line"
	case $journal_line in *'"reported":true'*) value=0 ;; esac
	case $journal_direction:$value in
	closing:*) ;;
	*:0) journal_holds "$journal_direction" "$journal_step" ;;
	back:*) journal_back_failed=$journal_step ;;
	*)
		journal_failed=$journal_step
		journal_failed_exit=$value
		word_of why "$journal_line" && journal_failed_why=$value
		;;
	esac
}

# shellcheck disable=SC2034 # as above
journal_recovers() {
	word_of choice "$journal_line" && journal_choice=$value
	word_of list "$journal_line" && journal_list=$value && journal_direction=$value
	word_of step "$journal_line" && journal_step=$value
	word_of broken "$journal_line"
	[ "$value" != true ] || journal_broken=yes
	word_of changed "$journal_line"
	[ "$value" != true ] || journal_changed=yes
	word_of basis "$journal_line" && journal_basis=$value
	word_of told "$journal_line" && journal_told=$value
	word_of cancelled "$journal_line"
	[ "$value" != true ] || journal_cancel=yes
	[ "$journal_list" != back ] || journal_back_begun=yes
	word_of failed "$journal_line" && journal_failed=$value
	word_of failed_exit "$journal_line" && journal_failed_exit=$value
	word_of failed_why "$journal_line" && journal_failed_why=$value
	word_of back_failed "$journal_line" && journal_back_failed=$value
	[ -z "$journal_back_failed" ] || journal_back_begun=yes
	[ "$journal_list" != closing ] || journal_outcome=$journal_told
}

# holder_of ID: sets claim (the record), over (the claim that it passed, or 0)
# and holder:
#   ended
#   never_began  its holder died before the operation had a folder
#   unbegun      the operation has no folder, and whether its holder lives cannot be
#                seen. Nothing has to be proved: whoever claims next takes away what
#                was to become its folder, and then it cannot begin (see hold.sh)
#   lock         locked by hand, until it is unlocked
#   alive        its supervisor or its runner lives
#   orphaned     both are gone, and the step that they started still runs
#   interrupted  all of it is gone, and it had not ended
#   unknown      another pid namespace, or nothing to be seen: that is not dead
#   format       a newer format has written newer_file (see newer.sh) of it
# shellcheck disable=SC2034 # over is not for everybody
holder_of() {
	claim=
	over=0
	newer_file=
	holder=unknown
	[ -r "$root/claims/$1" ] || return 0
	read -r claim <"$root/claims/$1" || return 0
	case $claim in
	'{"v":1,'*'}') ;;
	*) newer_file=claim && holder=format && return 0 ;;
	esac
	number_of over "$claim"
	# Only an earlier one can have been passed.
	if [ "$value" != 0 ] && [ "$value" -lt "$(number "$1")" ]; then over=$value; fi
	if [ -e "$root/operations/$1/end.json" ]; then
		holder=ended
		read -r holder_end <"$root/operations/$1/end.json"
		if newer "$holder_end"; then newer_file=end && holder=format; fi
		return 0
	fi
	if written_newer "$1"; then holder=format && return 0; fi
	case $claim in
	*'"kind":"lock"'*) holder=lock ;;
	*) look_at_holder "$1" ;;
	esac
	case $holder in
	# Nobody has been told of a lock that has no folder.
	lock | unknown) [ -d "$root/operations/$1" ] || holder=unbegun ;;
	esac
}

# look_at_holder ID: of a claim that was read and has not ended.
look_at_holder() {
	value boot "$claim"
	if [ -z "$value" ] || [ -z "$boot" ]; then return 0; fi
	if [ "$value" = "$boot" ]; then
		value namespace "$claim"
		if [ -z "$value" ] || [ "$value" != "$namespace" ]; then return 0; fi
		# Where the first process is hidden, others are too.
		process_stat 1 || return 0
		for holder_role in supervisor pid; do
			number_of "$holder_role" "$claim" && holder_pid=$value
			number_of "${holder_role}_start" "$claim"
			if process_lives "$holder_pid" "$value"; then holder=alive && return 0; fi
		done
		read_journal "$root/operations/$1/journal.jsonl"
		if [ -n "$journal_open" ] && group_lives "$journal_group" "$journal_group_start"; then
			holder=orphaned
			return 0
		fi
		# It may have ended between the two looks.
		if [ -e "$root/operations/$1/end.json" ]; then holder_of "$1" && return 0; fi
	fi
	if [ ! -d "$root/operations/$1" ]; then
		holder=never_began
		return 0
	fi
	# The ledger's line is written before end.json is put in its place: an
	# operation that died between the two has ended.
	case $(tail -n 1 "$root/ledger.jsonl" 2>/dev/null) in
	*"\"operation\":$(number "$1"),\"started\":"*'}') holder=ended ;;
	*)
		holder=interrupted
		read_journal "$root/operations/$1/journal.jsonl"
		;;
	esac
}

# is_settled: whether what holder_of found holds nothing any more, and keeps nobody
# waiting for an operator.
is_settled() {
	case $holder in
	ended | never_began | unbegun) ;;
	*) return 1 ;;
	esac
}

# find_shown: sets newest, and shown to the operation that counts: the newest claim,
# or what it passed, as long as that stands; empty where there is none. Of shown, all
# that holder_of sets.
find_shown() {
	newest_claim
	shown=$newest
	[ -n "$shown" ] || return 0
	holder_of "$shown"
	while is_settled && [ "$over" != 0 ]; do
		find_over=$(printf '%06d' "$over")
		holder_of "$find_over"
		is_settled || shown=$find_over
	done
	holder_of "$shown"
}

# number ID: prints six digits without their leading zeros.
number() {
	number=$1
	while [ "${number#0}" != "$number" ] && [ "$number" != 0 ]; do number=${number#0}; done
	printf '%s' "$number"
}
