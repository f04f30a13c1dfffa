# shellcheck shell=sh
# The journal, and how one step runs. A part of runner.sh.

# journal TEXT: appends a line. Once one could not be written, no forward step
# begins any more; the way back is never forbidden, and gets the reserve.
journal() {
	now
	journal_line="{\"v\":1,\"at\":$now,$1}"
	if [ "$torn" = no ]; then
		printf '%s\n' "$journal_line" >>journal.jsonl && return 0
	else
		printf '\n%s\n' "$journal_line" >>journal.jsonl && torn=no && return 0
	fi
	unwritten=yes
	torn=yes
	rm -f reserve
	printf '\n%s\n' "$journal_line" >>journal.jsonl && torn=no
	return 1
}

offset() {
	offset=$(wc -c <output.log)
	offset=$((offset))
}

# end_group GROUP START [quiet]: ends what is left of a step: TERM (unless quiet:
# it has had one, and compose takes a second one as an order to drop everything),
# and KILL after the grace.
end_group() {
	is_group "$1" && kill -0 "-$1" 2>/dev/null || return 0
	[ "${3:-}" = quiet ] || kill -TERM "-$1" 2>/dev/null
	now
	end_until=$((now + grace))
	while kill -0 "-$1" 2>/dev/null && group_lives "$1" "$2"; do
		now
		if [ "$now" -ge "$end_until" ]; then
			kill -KILL "-$1" 2>/dev/null
			# Nothing outlives this but what the kernel itself holds.
			[ "$now" -lt "$((end_until + grace))" ] || return 0
		fi
		pause
	done
}

# watch GROUP START LIMIT INTERRUPTIBLE: the watchdog of one step. Asked to end it says
# by its exit code what it has done: 10 limit, 11 cancel, 0 nothing. It needs no
# runner: the limit holds also for a step that has outlived its own.
watch() {
	watch_code=0
	trap 'exit $watch_code' TERM
	now
	watch_until=$((now + $3))
	# The leader is looked at first: its group is there only once it has run setsid.
	while process_lives "$1" "$2" || group_lives "$1" "$2"; do
		sleep 1 &
		wait $!
		now
		if [ "$now" -ge "$watch_until" ]; then
			if [ "$watch_code" != 0 ]; then
				kill -KILL "-$1" 2>/dev/null
				break
			fi
			watch_code=10
		elif [ "$watch_code" = 0 ] && [ "$4" = yes ] && [ -e cancel ]; then
			watch_code=11
		else
			continue
		fi
		kill -TERM "-$1" 2>/dev/null
		watch_until=$((now + grace))
	done
	exit $watch_code
}

# The step's shell waits for a line with its own number, so that its group is in
# the journal before it begins. The gate is held open by the runner alone: if that
# dies, the line never comes, and the step never begins.
# shellcheck disable=SC2016 # for that shell to expand
step_shell='
while read -r token; do
	if [ "$token" = "$$" ]; then
		[ -z "$2" ] || exec >"$2"
		exec sh "$1" </dev/null
	fi
done
exit 125'

# run_step DIRECTION ID LIMIT INTERRUPTIBLE SCRIPT [OUTPUT]: sets step_exit and
# step_why; step_exit is 125 where the step was not begun. Uses step_failure, the
# last column of its list; step_reported is yes where it failed and may.
run_step() {
	step_why=
	step_reported=
	FD_DIRECTION=$1
	export FD_DIRECTION
	setsid sh -c "$step_shell" step "$5" "${6:-}" <gate >>output.log 2>&1 9>&- &
	step_group=$!
	step_start=0
	process_stat "$step_group" && step_start=$process_start
	offset
	if ! journal "\"event\":\"step_start\",\"direction\":\"$1\",\"step\":\"$2\",\"group\":$step_group,\"group_start\":$step_start,\"offset\":$offset"; then
		if [ "$1" = forward ]; then
			kill -KILL "$step_group" 2>/dev/null
			wait "$step_group"
			step_exit=125
			step_why=disk
			step_end "$1" "$2" "$step_exit" "$step_why"
			return
		fi
	fi
	now
	step_began=$now
	(
		exec 9>&-
		watch "$step_group" "$step_start" "$3" "$4"
	) &
	step_watch=$!
	printf '%s\n' "$step_group" >&9
	wait "$step_group"
	step_exit=$?
	kill -TERM "$step_watch" 2>/dev/null
	# One that had not begun yet ends without a word of its own, and not silently.
	{ wait "$step_watch"; } 2>/dev/null
	case $? in
	10) step_why=limit ;;
	11) step_why=cancel ;;
	esac
	# What a step left running must not meet the next one.
	end_group "$step_group" "$step_start" ${step_why:+quiet}
	[ "$step_exit" != 0 ] || step_why=
	case $step_failure:$step_exit:$step_why in
	*:0:* | *:cancel) ;;
	reported:*) step_reported=yes ;;
	esac
	step_end "$1" "$2" "$step_exit" "$step_why"
	add_time "$1" "$2" $((now - step_began))
}

# add_time DIRECTION ID SECONDS
add_time() {
	times_key=$2
	[ "$1" = forward ] || times_key=$1/$2
	times="$times,\"$times_key\":$3"
}

# step_end DIRECTION ID EXIT WHY
step_end() {
	offset
	journal "\"event\":\"step_end\",\"direction\":\"$1\",\"step\":\"$2\",\"exit\":$3,\"offset\":$offset${4:+,\"why\":\"$4\"}${step_reported:+,\"reported\":true}"
}

# note NAME STEP DIRECTION: adds a step to a result that lists such, once.
note() {
	note_step=$2
	[ "$3" = forward ] || note_step=$3/$2
	note_text=
	[ ! -r "results/$1" ] || read -r note_text <"results/$1"
	case ",$note_text," in *",$note_step,"*) return ;; esac
	printf '%s\n' "${note_text:+$note_text,}$note_step" >"results/$1"
}
